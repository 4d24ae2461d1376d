import { AuraDialog } from '../app/dialog.js';
import { h } from '../app/dom.js';
import { icon } from '../app/icons.js';
import { t } from '../app/language.js';
import { loadWords } from '../app/load.js';

/** To whom a treatment goes. `data`: `{item, colleagues, isHere(member), done(staffId, reason)}`. */
class HandOverDialog extends AuraDialog {
  #to = '';
  #reason = '';

  opened() {
    this.#to = this.data.colleagues.length === 1 ? this.data.colleagues[0].id : '';
    this.#reason = '';
  }

  title() {
    return t('handOver.title');
  }

  subtitle() {
    return this.data?.item.customer?.full_name ?? '';
  }

  get #mayGo() {
    return this.#to !== '' && (!this.data.item.isRunning || this.#reason.trim() !== '');
  }

  body() {
    const { colleagues, item } = this.data;
    if (colleagues.length === 0) return h('p', { class: 'notice' }, icon('people'), h('span', null, t('handOver.nobody')));
    return [
      h('fieldset', null,
        h('legend', { class: 'legend' }, t('handOver.to')),
        h('div', { class: 'choices' }, colleagues.map((member, index) =>
          h('label', { key: member.id, class: 'choice wide' },
            h('input', {
              type: 'radio', name: 'hand-over-to', 'data-first': index === 0, checked: this.#to === member.id,
              onchange: () => { this.#to = member.id; this.update(); },
            }),
            h('span', { class: 'face' }, h('b', null, member.name), h('span', { class: 'hint' }, loadWords(member, this.data.isHere(member)))))))),
      h('div', { class: 'field' },
        h('label', { for: 'hand-over-reason' }, t('handOver.reason'), item.isRunning ? null : h('span', { class: 'hint' }, ` · ${t('app.optional')}`)),
        h('input', {
          class: 'input', id: 'hand-over-reason', maxlength: 500, value: this.#reason, 'aria-describedby': 'hand-over-hint',
          oninput: (event) => { this.#reason = event.target.value; this.update(); },
        }),
        item.isRunning ? h('p', { class: 'hint', id: 'hand-over-hint' }, t('handOver.reason.hint')) : null),
    ];
  }

  foot() {
    return [
      h('button', { class: 'button', type: 'button', onclick: () => this.close() }, t('app.cancel')),
      h('button', { class: 'button primary', type: 'submit', disabled: !this.#mayGo }, icon('swap'), t('handOver.submit')),
    ];
  }

  submit() {
    if (!this.#mayGo) return;
    const [to, reason] = [this.#to, this.#reason.trim()];
    this.close();
    this.data.done(to, reason);
  }
}

customElements.define('hand-over-dialog', HandOverDialog);
