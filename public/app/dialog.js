import { AuraElement } from './aura-element.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';

/**
 * A question in front of the page, in the browser's own `<dialog>`: focus stays inside, Escape closes, and what opened it
 * gets the focus back. Subclasses describe `title()`, `body()` and `foot()`; they call `close()`.
 */
export class AuraDialog extends AuraElement {
  isOpen = false;

  /** @param {any} data */
  show(data) {
    this.isOpen = true;
    this.data = data;
    this.opened();
    this.draw();
    const dialog = this.#dialog;
    if (!dialog.open) dialog.showModal();
    /** @type {HTMLElement | null} */ (dialog.querySelector('[data-first]'))?.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#dialog?.close();
    this.update();
  }

  /** For subclasses: a fresh start. */
  opened() {}
  title() { return ''; }
  subtitle() { return ''; }
  body() { return null; }
  foot() { return null; }
  /** @returns {string} */
  get size() { return ''; }
  submit() {}

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.querySelector('dialog'));
  }

  view() {
    const heading = `${this.localName}-title`;
    return h('dialog', {
      class: `sheet ${this.size}`, 'aria-labelledby': heading,
      onclose: () => this.close(),
    }, this.isOpen ? h('form', {
      class: 'sheet-form', method: 'dialog', novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        this.submit();
      },
    },
      h('div', { class: 'sheet-head' },
        h('div', null, h('h2', { id: heading }, this.title()), this.subtitle() ? h('p', { class: 'soft' }, this.subtitle()) : null),
        h('button', { class: 'button quiet icon-only', type: 'button', 'aria-label': t('app.close'), onclick: () => this.close() }, icon('close'))),
      h('div', { class: 'sheet-body' }, this.body()),
      h('div', { class: 'sheet-foot' }, this.foot())) : h('span', { key: 'shut', hidden: true }));
  }
}

/** What is wrong with a field, tied to it for screen readers. @param {string} id @param {string | undefined} error */
export const fieldError = (id, error) =>
  error ? h('p', { class: 'field-error', id: `${id}-error`, role: 'alert' }, icon('alert'), h('span', null, error)) : null;
