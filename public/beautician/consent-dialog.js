import { AuraDialog } from '../app/dialog.js';
import { h } from '../app/dom.js';
import { icon } from '../app/icons.js';
import { named, t } from '../app/language.js';

/** Asked only after the hub said that consent is missing. `data`: `{item, done()}`. */
class ConsentDialog extends AuraDialog {
  title() {
    return t('card.consent');
  }

  subtitle() {
    const { item } = this.data ?? {};
    return [item?.customer?.full_name, named(item?.treatment?.names)].filter(Boolean).join(' · ');
  }

  body() {
    return h('p', { class: 'notice warn' }, icon('alert'), h('span', null, t('card.consent.ask')));
  }

  foot() {
    return [
      h('button', { class: 'button', type: 'button', 'data-first': true, onclick: () => this.close() }, t('app.cancel')),
      h('button', { class: 'button primary', type: 'submit' }, icon('play'), t('card.consent.given')),
    ];
  }

  submit() {
    this.close();
    this.data.done();
  }
}

customElements.define('consent-dialog', ConsentDialog);
