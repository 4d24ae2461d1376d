import { AuraElement } from './aura-element.js';
import { h } from './dom.js';
import { hasWords, t } from './language.js';
import { explain } from './refusal.js';

/**
 * What the hub refused, until somebody has read it: which tap, about whom, and why. `data`:
 * `{items: [{key, name, subject, error}], staffName(id), dismiss(key)}`.
 */
class ConflictTray extends AuraElement {
  connected() {
    this.setAttribute('aria-live', 'assertive');
  }

  view() {
    const { items = [], staffName, dismiss } = this.data ?? {};
    if (items.length === 0) return null;
    return h('section', { class: 'conflicts', 'aria-label': t('conflict.title') }, items.map((item) => {
      const what = hasWords(`conflict.${item.name}`) ? t(`conflict.${item.name}`) : item.name;
      return h('div', { key: item.key, class: 'conflict' },
        h('div', null,
          h('b', null, `${t('conflict.title')}: ${what}${item.subject ? ` · ${item.subject}` : ''}`),
          h('p', null, explain(item.error, { staffName }))),
        h('button', { class: 'button small', type: 'button', onclick: () => dismiss(item.key) }, t('conflict.dismiss')));
    }));
  }
}

customElements.define('conflict-tray', ConflictTray);
