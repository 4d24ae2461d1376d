import { Emitter } from './emitter.js';

/**
 * What a screen must say about itself.
 *
 * - `connecting`: never been live yet.
 * - `live`: what is shown is what the hub has.
 * - `reconnecting`: lost a moment ago.
 * - `stale`: lost for longer than `staleAfterMs`; `since` is when the hub was last heard.
 * - `stopped`: will not come back by itself; `code` says why.
 *
 * Emits `change` with `{state, since, code}`.
 *
 * @typedef {'connecting' | 'live' | 'reconnecting' | 'stale' | 'stopped'} State
 */
export class Status extends Emitter {
  /** @type {State} */
  state = 'connecting';
  /** Unix ms. @type {number | null} */
  since = null;
  /** @type {string | number | null} */
  code = null;

  #world;
  #staleAfterMs;
  #timer = null;

  /** @param {{world: import('./world.js').World, staleAfterMs: number}} options */
  constructor({ world, staleAfterMs }) {
    super();
    this.#world = world;
    this.#staleAfterMs = staleAfterMs;
  }

  get value() {
    return { state: this.state, since: this.since, code: this.code };
  }

  live() {
    this.#clear();
    this.#set('live', null, null);
  }

  /** @param {number | null} lastHeard when the hub last gave a sign of life; `null` before the first connection */
  lost(lastHeard) {
    if (this.state !== 'live' && this.state !== 'connecting') return;
    const since = lastHeard ?? this.#world.now();
    this.#set('reconnecting', since, null);
    this.#timer = this.#world.setTimeout(() => this.#set('stale', since, null), this.#staleAfterMs);
  }

  /** @param {string | number} code */
  stopped(code) {
    this.#clear();
    this.#set('stopped', this.since ?? this.#world.now(), code);
  }

  restart() {
    this.#clear();
    this.#set('connecting', null, null);
  }

  #clear() {
    this.#world.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #set(state, since, code) {
    if (this.state === state && this.since === since && this.code === code) return;
    Object.assign(this, { state, since, code });
    this.emit('change', this.value);
  }
}
