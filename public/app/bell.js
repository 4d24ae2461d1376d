import { AuraElement } from './aura-element.js';
import { h } from './dom.js';
import { moment } from './format.js';
import { icon } from './icons.js';
import { t } from './language.js';

const SHOWN_MAX = 30;

/**
 * The notices for one person. `data`: `{rows, now, read(id), readAll()}`.
 */
class AuraBell extends AuraElement {
  view() {
    const { rows = [], now = 0, readAll, read } = this.data ?? {};
    const shown = rows.filter((row) => !row.dismissed).sort((a, b) => b.created_at - a.created_at).slice(0, SHOWN_MAX);
    const unread = shown.filter((row) => !row.is_read).length;
    return h('details', { class: 'menu bell', onkeydown: closeOnEscape },
      h('summary', { class: 'button icon-only', 'aria-label': t('bell.open', { n: unread }) }, icon('bell'),
        unread > 0 ? h('span', { class: 'count', 'aria-hidden': 'true' }, unread > 9 ? '9+' : unread) : null),
      h('div', { class: 'menu-panel wide' },
        h('div', { class: 'section-head' }, h('h2', null, t('bell.title'))),
        shown.length === 0 ? h('p', { class: 'soft' }, t('bell.none')) : null,
        h('ul', { class: 'notices' }, shown.map((row) =>
          h('li', { key: row.id, class: row.is_read ? '' : 'unread' },
            h('b', null, row.title, row.is_read ? null : h('span', { class: 'sr' }, ` (${t('bell.unread')})`)),
            h('span', null, row.message),
            h('time', null, moment(row.created_at, now))))),
        unread > 0 ? h('button', { class: 'button small', type: 'button', onclick: () => readAll() }, t('bell.readAll')) : null));
  }
}

/** A menu closes on Escape and gives the focus back to what opened it. @param {KeyboardEvent} event */
export function closeOnEscape(event) {
  if (event.key !== 'Escape') return;
  const menu = /** @type {HTMLDetailsElement} */ (event.currentTarget);
  menu.open = false;
  /** @type {HTMLElement} */ (menu.querySelector('summary'))?.focus();
}

customElements.define('aura-bell', AuraBell);
