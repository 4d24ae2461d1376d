import { render } from './dom.js';
import { onLanguage } from './language.js';

/**
 * What our elements have in common: `data` comes in, `view()` describes, and a change of either or of the language draws
 * once, however many there were.
 */
export class AuraElement extends HTMLElement {
  #data = null;
  #isDue = false;
  #offs = [];

  get data() {
    return this.#data;
  }

  set data(value) {
    this.#data = value;
    this.update();
  }

  connectedCallback() {
    this.follow(onLanguage(() => this.update()));
    this.connected();
    this.draw();
  }

  disconnectedCallback() {
    for (const off of this.#offs.splice(0)) off();
  }

  /** Something to stop when the element leaves the page. @param {() => void} off */
  follow(off) {
    this.#offs.push(off);
  }

  /** For subclasses: the element has come into a page. */
  connected() {}

  /** For subclasses: what to show. @returns {any} */
  view() {
    return null;
  }

  update() {
    if (this.#isDue || !this.isConnected) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.isConnected) this.draw();
    });
  }

  draw() {
    render(this, this.view());
  }
}
