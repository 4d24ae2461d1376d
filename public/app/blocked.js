import { AuraElement } from './aura-element.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';

/** A desk that cannot be shown, and what to do about it. `data`: `{why: 'notYours' | 'revoked' | 'version'}`. */
class AuraBlocked extends AuraElement {
  view() {
    const { why = 'notYours' } = this.data ?? {};
    return h('main', { class: 'page', id: 'main' },
      h('div', { class: 'empty' }, icon('door'), h('h2', null, t(`desk.${why}`)),
        why === 'version'
          ? h('button', { class: 'button primary', type: 'button', onclick: () => location.reload() }, t('desk.reload'))
          : h('a', { class: 'button primary', href: '/' }, t('desk.choose'))));
  }
}

customElements.define('aura-blocked', AuraBlocked);
