import { AuraError } from './errors.js';

/**
 * Questions without effect: a query may be asked again on the next connection as often as it takes, until `timeoutMs`.
 */
export class Requests {
  #world;
  #timeoutMs;
  /** @type {Set<any>} */
  #open = new Set();
  /** @type {Map<number, any>} */
  #sent = new Map();
  #link = null;

  /** @param {{world: import('./world.js').World, timeoutMs: number}} options */
  constructor({ world, timeoutMs }) {
    this.#world = world;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param {object} frame without `id`
   * @returns {Promise<any>}
   */
  ask(frame) {
    return new Promise((resolve, reject) => {
      const request = { frame, resolve, reject };
      request.timer = this.#world.setTimeout(() => {
        this.#settle(request, () => reject(new AuraError('timeout', 'no answer in time', { temporary: true })));
      }, this.#timeoutMs);
      this.#open.add(request);
      this.#send(request);
    });
  }

  attach(link) {
    this.#link = link;
    for (const request of this.#open) this.#send(request);
  }

  detach() {
    this.#link = null;
    this.#sent.clear();
  }

  /** @returns {boolean} whether it was one of mine */
  answer(frame) {
    const request = this.#sent.get(frame.re);
    if (!request) return false;
    this.#sent.delete(frame.re);
    const error = frame.type === 'error' ? AuraError.fromWire(frame) : frame.ok ? null : AuraError.fromWire(frame.error);
    if (!error) this.#settle(request, () => request.resolve(frame.data));
    else if (error.temporary) this.#world.setTimeout(() => this.#send(request), error.retryMs ?? 500);
    else this.#settle(request, () => request.reject(error));
    return true;
  }

  #send(request) {
    if (!this.#link || !this.#open.has(request)) return;
    const id = this.#link.nextId();
    this.#sent.set(id, request);
    this.#link.send({ ...request.frame, id });
  }

  #settle(request, work) {
    if (!this.#open.delete(request)) return;
    this.#world.clearTimeout(request.timer);
    work();
  }
}
