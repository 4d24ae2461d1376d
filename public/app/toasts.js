import { h } from './dom.js';
import { icon } from './icons.js';
import { AuraElement } from './aura-element.js';

const SHOWN_MS = 5_000;

/** Short good news at the foot of the page, said to screen readers too. Bad news stays until it is read: it goes to a tray. */
class AuraToasts extends AuraElement {
  #items = [];
  #next = 1;

  connected() {
    this.className = 'toasts';
    this.setAttribute('role', 'status');
    this.setAttribute('aria-live', 'polite');
  }

  /** @param {string} text */
  say(text) {
    const item = { id: this.#next, text };
    this.#next += 1;
    this.#items = [...this.#items.slice(-2), item];
    this.update();
    setTimeout(() => {
      this.#items = this.#items.filter((other) => other !== item);
      this.update();
    }, SHOWN_MS);
  }

  view() {
    return this.#items.map(({ id, text }) => h('p', { key: id, class: 'toast' }, icon('check'), h('span', null, text)));
  }
}

customElements.define('aura-toasts', AuraToasts);

/** @param {string} text */
export function toast(text) {
  /** @type {any} */ (document.querySelector('aura-toasts'))?.say(text);
}
