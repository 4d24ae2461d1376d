import { AuraElement } from './aura-element.js';
import { closeOnEscape } from './bell.js';
import { h } from './dom.js';
import { icon, mark } from './icons.js';
import { language, setLanguage, t } from './language.js';
import './bell.js';
import './light.js';

/**
 * The head of every desk. `data`: `{title, subtitle, status, queued, notices, user, role, hasOtherDesks, signOut()}`.
 */
class AuraTop extends AuraElement {
  connected() {
    this.className = 'top';
    const outside = (event) => {
      for (const menu of this.querySelectorAll('details.menu[open]')) {
        if (!menu.contains(event.target)) /** @type {HTMLDetailsElement} */ (menu).open = false;
      }
    };
    document.addEventListener('pointerdown', outside);
    this.follow(() => document.removeEventListener('pointerdown', outside));
  }

  view() {
    const { title = '', subtitle = '', status = null, queued = 0, notices = null, user = null, role = '', hasOtherDesks = false, signOut } =
      this.data ?? {};
    return [
      h('a', { class: 'skip', href: '#main' }, t('app.skip')),
      h('header', { class: 'top-bar' },
        mark(),
        h('div', { class: 'top-title' }, h('b', null, title), h('span', null, subtitle)),
        h('aura-light', { data: status }),
        languageButton(),
        notices ? h('aura-bell', { data: notices }) : null,
        h('details', { class: 'menu', onkeydown: closeOnEscape },
          h('summary', { class: 'button icon-only', 'aria-label': t('top.account') }, icon('user')),
          h('div', { class: 'menu-panel' },
            h('div', { class: 'who' },
              h('b', null, user?.name ?? ''),
              role ? h('span', { class: 'soft small' }, t(`role.${role}`)) : null),
            hasOtherDesks ? h('a', { class: 'button quiet', href: '/' }, icon('door'), t('top.desks')) : null,
            h('button', { class: 'button quiet', type: 'button', onclick: () => signOut?.() }, icon('out'), t('top.signOut'))))),
      h('aura-light-banner', { data: { ...status, queued } }),
    ];
  }
}

/** The switch names the other language, in that language. */
export const languageButton = () =>
  h('button', {
    class: 'button language', type: 'button', lang: language() === 'th' ? 'en' : 'th', 'aria-label': t('app.languageOtherLong'),
    onclick: () => setLanguage(language() === 'th' ? 'en' : 'th'),
  }, t('app.languageOther'));

customElements.define('aura-top', AuraTop);
