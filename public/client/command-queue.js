import { Emitter } from './emitter.js';
import { AuraError } from './errors.js';
import { Backoff } from './backoff.js';
import { MemoryQueueStore } from './queue-store.js';
import { uuidv7 } from './uuid.js';

/**
 * Commands that happen once. Each has a key from the tap on and stays here until its answer has come: over a lost
 * connection, a restarted hub, a closed page (with a store that lasts). The hub answers a repeated key with the first
 * outcome, so sending again is always right.
 *
 * Order: the commands of one lane are sent one after the other, each after its predecessor's answer; lanes run beside
 * each other up to the hub's `in_flight`. Without a `lane` a clinic is one lane.
 *
 * Events: `change` (the list of pending ones), `outcome` ({entry, ok, result | error, duplicate}), also for commands of
 * an earlier page, whose promises are gone.
 */
export class CommandQueue extends Emitter {
  /** @type {any[]} in order; what is answered is taken out */
  #entries = [];
  /** @type {Map<string, {body: string, outcome: Promise<any>, resolve: Function, reject: Function}>} by key */
  #waiting = new Map();
  /** @type {Map<number, any>} request id → entry, of this connection */
  #sent = new Map();
  #link = null;
  #order = 0;
  #loaded;
  #world;
  #store;

  /** @param {{world: import('./world.js').World, store?: import('./queue-store.js').QueueStore}} options */
  constructor({ world, store = new MemoryQueueStore() }) {
    super();
    this.#world = world;
    this.#store = store;
    this.#loaded = this.#load();
  }

  /** What has no answer yet, oldest first: `{key, clinic, name, args, at, state}`, state `queued`, `sent` or `retrying`. */
  get pending() {
    return this.#entries.map(({ key, clinic, name, args, at, state }) => ({ key, clinic, name, args, at, state }));
  }

  /**
   * A key that is pending already is the same command: two taps on one button are one.
   *
   * @param {{clinic: string, name: string, args?: object, expect?: object, reason?: string, lane?: string, key?: string, user?: string}} command
   * @returns {Promise<any>} the ack's `result`; rejects with an AuraError when the hub refuses
   */
  add({ clinic, name, args = {}, expect, reason, lane = clinic, key = uuidv7(this.#world), user }) {
    const body = JSON.stringify([clinic, name, args]);
    const same = this.#waiting.get(key);
    if (same) return same.body === body ? same.outcome : Promise.reject(new AuraError('key_reused', 'this key is another command’s'));
    const at = this.#world.now();
    this.#order = Math.max(this.#order + 1, at * 1000);
    const entry = { key, order: this.#order, clinic, name, args, expect, reason, lane, user, at };
    let settle;
    const outcome = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.#waiting.set(key, { body, outcome, ...settle });
    // Who listens to `outcome` events alone must not be punished with an unhandled rejection.
    outcome.catch(() => {});
    this.#keep(entry);
    return outcome;
  }

  async #keep(entry) {
    const held = { ...entry, state: 'storing', backoff: this.#makeBackoff() };
    this.#entries.push(held);
    await this.#store.add(entry);
    held.state = 'queued';
    this.#changed();
    await this.#loaded;
    this.#pump();
  }

  async #load() {
    const stored = await this.#store.all();
    const known = new Set(this.#entries.map((entry) => entry.key));
    const earlier = stored.filter((entry) => !known.has(entry.key));
    this.#entries.unshift(...earlier.map((entry) => ({ ...entry, state: 'queued', backoff: this.#makeBackoff() })));
    if (earlier.length > 0) this.#changed();
    this.#pump();
  }

  /**
   * A connection is ready. Commands that another person left on this device stay where they are.
   * @param {{send: (frame: object) => void, nextId: () => number, user: string, inFlight: number, frameBytes: number}} link
   */
  attach(link) {
    this.#link = link;
    for (const entry of this.#entries) entry.user ??= link.user;
    this.#pump();
  }

  /** The connection is gone; what it did not answer will be sent again, under the same keys. */
  detach() {
    this.#link = null;
    this.#sent.clear();
    for (const entry of this.#entries) {
      if (entry.state === 'sent') entry.state = 'queued';
    }
    this.#changed();
  }

  /** @returns {boolean} whether the frame answered a command of this connection */
  acknowledge(frame) {
    const entry = this.#sent.get(frame.re);
    if (!entry || (frame.key && frame.key !== entry.key)) return false;
    this.#sent.delete(frame.re);
    if (frame.ok) this.#finish(entry, { ok: true, result: frame.result ?? {}, duplicate: frame.duplicate === true });
    else this.#failed(entry, AuraError.fromWire(frame.error), frame.duplicate === true);
    return true;
  }

  /** An `error` frame instead of an ack: the command was not understood, or not now. */
  fail(frame) {
    const entry = this.#sent.get(frame.re);
    if (!entry) return false;
    this.#sent.delete(frame.re);
    this.#failed(entry, AuraError.fromWire(frame), false);
    return true;
  }

  #failed(entry, error, duplicate) {
    if (!error.temporary) {
      this.#finish(entry, { ok: false, error, duplicate });
      return;
    }
    entry.state = 'retrying';
    this.#changed();
    this.#world.setTimeout(() => {
      if (entry.state !== 'retrying') return;
      entry.state = 'queued';
      this.#pump();
    }, error.retryMs ?? entry.backoff.next());
  }

  #finish(entry, outcome) {
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#store.remove(entry.key);
    const waiting = this.#waiting.get(entry.key);
    this.#waiting.delete(entry.key);
    if (outcome.ok) waiting?.resolve(outcome.result);
    else waiting?.reject(outcome.error);
    const { key, clinic, name, args, at } = entry;
    this.emit('outcome', { entry: { key, clinic, name, args, at }, ...outcome });
    this.#changed();
    this.#pump();
  }

  #pump() {
    if (!this.#link) return;
    const blocked = new Set();
    let changed = false;
    for (const entry of [...this.#entries]) {
      if (this.#sent.size >= this.#link.inFlight) break;
      if (blocked.has(entry.lane)) continue;
      if (entry.user && entry.user !== this.#link.user) continue;
      blocked.add(entry.lane);
      if (entry.state !== 'queued') continue;
      const frame = this.#frame(entry);
      // One frame that is too large would close the socket under everything else: it is refused here.
      if (new TextEncoder().encode(JSON.stringify(frame)).length > this.#link.frameBytes) {
        this.#finish(entry, { ok: false, error: new AuraError('too_large', 'the command is larger than a frame'), duplicate: false });
        return;
      }
      entry.state = 'sent';
      this.#sent.set(frame.id, entry);
      changed = true;
      this.#link.send(frame);
      if (!this.#link) return;
    }
    if (changed) this.#changed();
  }

  #frame({ key, clinic, name, args, expect, reason }) {
    const frame = { type: 'command', id: this.#link.nextId(), key, clinic, name, args };
    if (expect) frame.expect = expect;
    if (reason) frame.reason = reason;
    return frame;
  }

  #makeBackoff() {
    return new Backoff({ random: this.#world.random, baseMs: 300, capMs: 10_000 });
  }

  #changed() {
    this.emit('change', this.pending);
  }
}
