import { AuraDialog } from '../app/dialog.js';
import { h } from '../app/dom.js';
import { icon } from '../app/icons.js';
import { t } from '../app/language.js';

/** As many letters as the hub takes for notes, with room for Thai's three bytes each. */
const NOTES_MAX = 4_000;

/** "Complete" with notes. `data`: `{item, done(notes)}`. */
class CompleteDialog extends AuraDialog {
  #notes = '';

  opened() {
    this.#notes = '';
  }

  title() {
    return t(this.data?.item.isTreatment ? 'complete.title' : 'complete.titleTask');
  }

  subtitle() {
    return this.data?.item.customer?.full_name ?? '';
  }

  body() {
    return h('div', { class: 'field' },
      h('label', { for: 'complete-notes' }, t('complete.notes'), h('span', { class: 'hint' }, ` · ${t('app.optional')}`)),
      h('textarea', {
        class: 'input', id: 'complete-notes', 'data-first': true, maxlength: NOTES_MAX, rows: 5, 'aria-describedby': 'complete-hint',
        value: this.#notes, oninput: (event) => { this.#notes = event.target.value; },
      }),
      h('p', { class: 'hint', id: 'complete-hint' }, t('complete.notes.hint')));
  }

  foot() {
    return [
      h('button', { class: 'button', type: 'button', onclick: () => this.close() }, t('app.cancel')),
      h('button', { class: 'button primary', type: 'submit' }, icon('check'), t('complete.submit')),
    ];
  }

  submit() {
    const notes = this.#notes.trim();
    this.close();
    this.data.done(notes);
  }
}

customElements.define('complete-dialog', CompleteDialog);
