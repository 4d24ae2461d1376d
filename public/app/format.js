import { language, t } from './language.js';

/** Times as a clinic in Thailand reads them, whatever the tablet's own zone. */
export const ZONE = 'Asia/Bangkok';
const OFFSET_MS = 7 * 3600_000;
const DAY_MS = 86_400_000;

const formats = new Map();

function formatter(name, options) {
  const key = `${language()}/${name}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(language() === 'th' ? 'th-TH' : 'en-GB', { timeZone: ZONE, ...options });
    formats.set(key, made);
  }
  return made;
}

/** `14:05` @param {number} ms */
export const clock = (ms) => formatter('clock', { hour: '2-digit', minute: '2-digit', hour12: false }).format(ms);

/** `Sun 22 Nov` @param {number} ms */
export const day = (ms) => formatter('day', { weekday: 'short', day: 'numeric', month: 'short' }).format(ms);

/** `Sunday 22 November` @param {number} ms */
export const longDay = (ms) => formatter('longDay', { weekday: 'long', day: 'numeric', month: 'long' }).format(ms);

/** The time, with the day when it is not today. @param {number} ms @param {number} now */
export const moment = (ms, now) => (dayOf(ms) === dayOf(now) ? clock(ms) : `${day(ms)} ${clock(ms)}`);

/** The days since 1970 in Bangkok, which has no summer time. @param {number} ms */
export const dayOf = (ms) => Math.floor((ms + OFFSET_MS) / DAY_MS);

/** Midnight in Bangkok, Unix ms. @param {number} dayNumber */
export const startOfDay = (dayNumber) => dayNumber * DAY_MS - OFFSET_MS;

/** `2026-11-22` for an `<input type="date">`. @param {number} dayNumber */
export const isoDay = (dayNumber) => new Date(dayNumber * DAY_MS).toISOString().slice(0, 10);

/** @param {string} iso @returns {number | null} */
export function dayFromIso(iso) {
  const ms = Date.parse(`${iso}T00:00:00Z`);
  return Number.isNaN(ms) ? null : Math.round(ms / DAY_MS);
}

/** `฿5,000`, with satang only where there are any. @param {number} satang */
export function baht(satang) {
  const digits = satang % 100 === 0 ? 0 : 2;
  const text = Math.abs(satang / 100).toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${satang < 0 ? '−' : ''}฿${text}`;
}

/** Satang from what a person typed (`5,000`, `฿5000.50`); `null` when it is no amount. @param {string} text */
export function satang(text) {
  const plain = text.replace(/[฿,\s]/g, '');
  if (!/^\d{1,9}(\.\d{1,2})?$/.test(plain)) return null;
  return Math.round(Number(plain) * 100);
}

/** `1 h 20 min`; never negative, clocks being what they are. @param {number} ms */
export function span(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return t('span.minutes', { m: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? t('span.hours', { h: hours }) : t('span.hoursMinutes', { h: hours, m: minutes % 60 });
  return t('span.days', { d: Math.floor(hours / 24) });
}

/** `12:07`, a running clock. @param {number} ms */
export function stopwatch(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}
