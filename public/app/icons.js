import { h } from './dom.js';

/** Line drawings on a 24 × 24 field, 1.75 wide; decoration only, words stand beside them. */
const PATHS = {
  bell: ['M6 10a6 6 0 0 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7', 'M10 20.5a2 2 0 0 0 4 0'],
  user: ['M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8', 'M4.5 20.5c1-4 4-5.5 7.5-5.500s6.5 1.5 7.5 5.5'],
  door: ['M5 21h14', 'M7 21V4h10v17', 'M13.5 12.500h.01'],
  clock: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18', 'M12 7v5l3 2'],
  alert: ['M12 4 2.5 20h19L12 4', 'M12 10v4', 'M12 17.200h.01'],
  check: ['m5 12.5 4.5 4.500L19 7.5'],
  play: ['M8 5.500v13l10.5-6.500L8 5.5'],
  swap: ['M4 8h14l-3.5-3.5', 'M20 16H6l3.5 3.5'],
  plus: ['M12 5v14', 'M5 12h14'],
  search: ['M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14', 'm20 20-4-4'],
  back: ['M20 12H5', 'm11 6-6 6 6 6'],
  close: ['m6 6 12 12', 'M18 6 6 18'],
  phone: ['M6 3.500h3l1.5 4.5-2 1.500a12 12 0 0 0 6 6l1.5-2 4.5 1.500v3a2 2 0 0 1-2 2A16.5 16.5 0 0 1 4 5.500a2 2 0 0 1 2-2'],
  baht: ['M8 5h5a3.5 3.5 0 0 1 0 7H8V5', 'M8 12h6a3.5 3.5 0 0 1 0 7H8v-7', 'M11 2.500v19'],
  hand: ['M7 13V7.500a1.5 1.5 0 0 1 3 0V12', 'M10 11V5a1.5 1.5 0 0 1 3 0v6', 'M13 11V6.500a1.5 1.5 0 0 1 3 0V14', 'M16 10.500a1.5 1.5 0 0 1 3 0V15c0 4-2.5 6-6 6s-5-2-7.5-6.500a1.4 1.4 0 0 1 2.5-1.500L9 15'],
  leaf: ['M5 19c0-9 5-14 15-14 0 10-5 15-14 15', 'M5 21c1-5 4-9 9-11'],
  globe: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18', 'M3 12h18', 'M12 3c5 5.5 5 12.5 0 18-5-5.5-5-12.5 0-18'],
  out: ['M14 4h5v16h-5', 'M3 12h11', 'm10 8 4 4-4 4'],
  sun: ['M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8', 'M12 2.500v2', 'M12 19.500v2', 'M2.5 12h2', 'M19.5 12h2', 'm5.3 5.3 1.4 1.4', 'm17.3 17.3 1.4 1.4', 'm18.7 5.3-1.4 1.4', 'm6.7 17.3-1.4 1.4'],
  people: ['M9 11.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7', 'M2.5 19.500c.8-3.5 3.3-5 6.5-5s5.7 1.5 6.5 5', 'M15.5 5a3.3 3.3 0 0 1 0 6.3', 'M17.5 14.800c2.2.6 3.5 2 4 4.7'],
  calendar: ['M4 6h16v14H4V6', 'M4 10.500h16', 'M8 3.500V8', 'M16 3.500V8'],
};

/** @param {keyof typeof PATHS} name */
export const icon = (name) =>
  h('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' }, PATHS[name].map((d) => h('path', { d })));

/** The mark: a drop and its light. */
export const mark = () =>
  h('svg', { class: 'mark', viewBox: '0 0 40 40', 'aria-hidden': 'true', focusable: 'false' },
    h('rect', { width: 40, height: 40, rx: 12, class: 'mark-ground' }),
    h('circle', { cx: 20, cy: 20, r: 11.5, class: 'mark-ring' }),
    h('path', { d: 'M20 10.500c4.5 5 6.5 8 6.5 11a6.5 6.5 0 0 1-13 0c0-3 2-6 6.5-11', class: 'mark-drop' }));
