import { AuraDialog, fieldError } from '../app/dialog.js';
import { h } from '../app/dom.js';
import { icon } from '../app/icons.js';
import { t } from '../app/language.js';
import { explain } from '../app/refusal.js';
import { plainPhone } from './cases.js';

const SOURCES = ['walk_in', 'referral', 'social_media', 'website', 'ads'];
const BLANK = { name: '', phone: '', email: '', source: 'walk_in', allergies: '' };
/** From this many digits on a number is worth looking up. */
const HINT_DIGITS = 9;

/**
 * A new lead. `data`: `{send(args): Promise, byPhone(phone): Array<{customer, workflow}>, open(workflowId)}`.
 */
class LeadDialog extends AuraDialog {
  #fields = { ...BLANK };
  #errors = {};
  #refusal = null;
  #isBusy = false;

  opened() {
    this.#fields = { ...BLANK };
    this.#errors = {};
    this.#refusal = null;
    this.#isBusy = false;
  }

  title() {
    return t('lead.title');
  }

  body() {
    return [
      this.#refusal ? h('p', { key: 'refusal', class: 'notice bad', role: 'alert' }, icon('alert'), h('span', null, this.#refusal)) : null,
      this.#input('name', { 'data-first': true, autocomplete: 'off', maxlength: 200, required: true }),
      this.#input('phone', { type: 'tel', inputmode: 'tel', autocomplete: 'off', maxlength: 30, required: true }),
      this.#hint(),
      h('div', { key: 'more', class: 'two' },
        this.#input('email', { type: 'email', inputmode: 'email', autocomplete: 'off', maxlength: 200 }),
        h('div', { class: 'field' },
          h('label', { for: 'lead-source' }, t('lead.source')),
          h('select', { class: 'input', id: 'lead-source', value: this.#fields.source, onchange: (event) => { this.#fields.source = event.target.value; } },
            SOURCES.map((source) => h('option', { key: source, value: source }, t(`source.${source}`)))))),
      this.#input('allergies', { maxlength: 500, autocomplete: 'off' }, t('lead.allergies.hint')),
    ];
  }

  #input(name, attributes, hint) {
    const id = `lead-${name}`;
    const error = this.#errors[name];
    const described = [error ? `${id}-error` : null, hint ? `${id}-hint` : null].filter(Boolean).join(' ');
    return h('div', { key: name, class: 'field' },
      h('label', { for: id }, t(`lead.${name}`), attributes.required ? null : h('span', { class: 'hint' }, ` · ${t('app.optional')}`)),
      h('input', {
        ...attributes, class: 'input', id, value: this.#fields[name], 'aria-invalid': error ? 'true' : null, 'aria-describedby': described || null,
        oninput: (event) => {
          this.#fields[name] = event.target.value;
          delete this.#errors[name];
          this.update();
        },
      }),
      hint ? h('p', { class: 'hint', id: `${id}-hint` }, hint) : null,
      fieldError(id, error));
  }

  #hint() {
    const phone = plainPhone(this.#fields.phone);
    const known = phone.length >= HINT_DIGITS ? this.data.byPhone(phone) : [];
    if (known.length === 0) return null;
    return h('div', { key: 'hint', class: 'notice warn', role: 'status' }, icon('people'),
      h('div', null,
        h('p', null, `${t('lead.duplicate')} `, h('b', null, known.map(({ customer }) => customer.full_name).join(', '))),
        h('p', { class: 'small' }, t('lead.duplicate.hint')),
        known.filter(({ workflow }) => workflow).map(({ customer, workflow }) =>
          h('button', {
            key: workflow.id, class: 'button small', type: 'button',
            onclick: () => { this.close(); this.data.open(workflow.id); },
          }, `${t('lead.duplicate.open')}: ${customer.full_name}`))));
  }

  foot() {
    return [
      h('button', { class: 'button', type: 'button', onclick: () => this.close() }, t('app.cancel')),
      h('button', { class: `button primary${this.#isBusy ? ' busy' : ''}`, type: 'submit', disabled: this.#isBusy }, t(this.#isBusy ? 'lead.busy' : 'lead.submit')),
    ];
  }

  #check() {
    const { name, phone, email } = this.#fields;
    this.#errors = {};
    if (name.trim() === '') this.#errors.name = t('lead.nameMissing');
    if (plainPhone(phone).length < 9) this.#errors.phone = t('lead.phoneMissing');
    if (email.trim() !== '' && !/^\S+@\S+\.\S+$/.test(email.trim())) this.#errors.email = t('lead.emailWrong');
    const [first] = Object.keys(this.#errors);
    if (!first) return true;
    this.draw();
    /** @type {HTMLElement} */ (this.querySelector(`#lead-${first}`)).focus();
    return false;
  }

  async submit() {
    if (this.#isBusy || !this.#check()) return;
    const { name, phone, email, source, allergies } = this.#fields;
    const customer = { name: name.trim(), phone: phone.trim(), source };
    if (email.trim()) customer.email = email.trim();
    if (allergies.trim()) customer.allergies = allergies.trim();
    this.#isBusy = true;
    this.#refusal = null;
    this.draw();
    try {
      const result = await this.data.send({ customer });
      if (!this.isOpen) return;
      this.close();
      this.data.open(result.workflowId, { name: customer.name, result });
    } catch (error) {
      this.#isBusy = false;
      this.#refusal = explain(error);
      this.update();
    }
  }
}

customElements.define('lead-dialog', LeadDialog);
