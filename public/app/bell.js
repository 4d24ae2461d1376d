import { AuraElement } from './aura-element.js';
import { h } from './dom.js';
import { moment } from './format.js';
import { icon } from './icons.js';
import { t } from './language.js';

const SHOWN_MAX = 30;

/**
 * The notices for one person. `data`: `{rows, now, act(command, args)}`.
 */
class AuraBell extends AuraElement {
  view() {
    const { rows = [], now = 0, act } = this.data ?? {};
    const shown = rows.filter((row) => !row.dismissed).sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, SHOWN_MAX);
    // Of all rows, as the hub counts them: also of those that this list is too short for.
    const unread = rows.filter((row) => !row.is_read).length;
    return h('details', { class: 'menu bell', onkeydown: closeOnEscape },
      h('summary', { class: 'button icon-only', 'aria-label': t('bell.open', { n: unread }) }, icon('bell'),
        unread > 0 ? h('span', { class: 'count', 'aria-hidden': 'true' }, unread > 9 ? '9+' : unread) : null),
      h('div', { class: 'menu-panel wide' },
        h('div', { class: 'section-head' }, h('h2', null, t('bell.title')),
          // What comes between looking and tapping stays unread.
          unread > 0 ? h('button', { class: 'button small', type: 'button', onclick: () => act('markAllNotificationsRead', { upTo: shown[0]?.id }) }, t('bell.readAll')) : null),
        shown.length === 0 ? h('p', { class: 'soft' }, t('bell.none')) : null,
        h('ul', { class: 'notices' }, shown.map((row) => this.#notice(row, now, act)))));
  }

  #notice(row, now, act) {
    return h('li', { key: row.id, class: row.is_read ? '' : 'unread' },
      h('b', null, row.title, row.is_read ? null : h('span', { class: 'sr' }, ` (${t('bell.unread')})`)),
      h('button', {
        class: 'button quiet icon-only small', type: 'button', 'aria-label': t('bell.putAway', { title: row.title }),
        onclick: () => act('dismissNotification', { notificationId: row.id }),
      }, icon('close')),
      h('span', null, row.message),
      h('time', null, moment(row.created_at, now)));
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
