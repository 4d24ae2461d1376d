import { AuraError } from './errors.js';
import { Subscription, wishKey } from './subscription.js';

/** After so many gaps in a row a cursor is not worth keeping. */
const GAPS_MAX = 3;

/**
 * The subscriptions of one client: which are asked for, under which name the hub serves them, which must be asked again.
 */
export class Subscriptions {
  #world;
  #changed;
  #onCommit;
  /** @type {Map<string, {key: string, subscription: Subscription, handles: number, gaps: number, counts: boolean}>}
   *  by wish; `counts`: it has been live, or belongs to a connection's hello, so without it the screen is not live */
  #entries = new Map();
  /** @type {Map<string, any>} by stream, of this connection */
  #streams = new Map();
  /** @type {Map<number, any[]>} entries by request id; the index is that of `hello.subscribe` */
  #asked = new Map();
  #helloId = null;
  #link = null;

  /**
   * @param {{world: import('./world.js').World, changed: () => void, onCommit: (at: number) => void}} options
   *   `changed` is called when a subscription's state has moved
   */
  constructor({ world, changed, onCommit }) {
    this.#world = world;
    this.#changed = changed;
    this.#onCommit = onCommit;
  }

  /** @returns {Subscription} the one of this wish, new or shared */
  add(wish) {
    const key = wishKey(wish);
    let entry = this.#entries.get(key);
    if (!entry || isFinal(entry.subscription)) {
      const made = { key, handles: 1, gaps: 0, counts: false, subscription: new Subscription(wish, () => this.#release(made)) };
      entry = made;
      this.#entries.set(key, entry);
      this.#ask(entry);
    } else {
      entry.handles += 1;
    }
    return entry.subscription;
  }

  get isSettled() {
    for (const { subscription, handles, counts } of this.#entries.values()) {
      if (counts && handles > 0 && !subscription.isSettled) return false;
    }
    return true;
  }

  /** The wishes for `hello`, and the id under which they will be answered. */
  hello(id) {
    const entries = [...this.#entries.values()].filter(({ subscription }) => !isFinal(subscription));
    this.#helloId = id;
    for (const entry of entries) entry.counts = true;
    this.#asked.set(id, entries);
    return entries.map(({ subscription }) => subscription.wish());
  }

  /** The connection is welcome; what was wished for since `hello` is asked now. */
  attach(link) {
    this.#link = link;
    const asked = new Set([...this.#asked.values()].flat());
    for (const entry of this.#entries.values()) {
      if (!asked.has(entry) && !this.#streams.has(entry.subscription.stream)) this.#ask(entry);
    }
  }

  detach() {
    this.#link = null;
    this.#streams.clear();
    this.#asked.clear();
    for (const [key, { subscription, handles }] of this.#entries) {
      if (handles === 0) this.#entries.delete(key);
      else subscription.disconnected();
    }
  }

  subscribed(frame) {
    // Without `re` the hub starts a stream over by itself.
    const entry = frame.re === undefined ? this.#streams.get(frame.stream) : this.#take(frame);
    if (!entry) return;
    this.#streams.set(frame.stream, entry);
    if (entry.handles === 0) {
      this.#drop(entry, frame.stream);
      return;
    }
    entry.subscription.subscribed(frame);
    this.#changed();
  }

  snapshot(frame) {
    const entry = this.#streams.get(frame.stream);
    if (!entry) return;
    this.#follow(entry, entry.subscription.snapshot(frame));
  }

  delta(frame) {
    const entry = this.#streams.get(frame.stream);
    if (!entry) return;
    const last = frame.commits.at(-1);
    if (last && entry.subscription.state === 'live') this.#onCommit(last.at);
    this.#follow(entry, entry.subscription.delta(frame));
  }

  /** @param {Record<string, number>} heads of a ping: queued behind the deltas, so a greater one is a real gap */
  heads(heads) {
    for (const [stream, seq] of Object.entries(heads ?? {})) {
      const entry = this.#streams.get(stream);
      if (entry) this.#follow(entry, entry.subscription.head(seq));
    }
  }

  presence(frame) {
    for (const entry of this.#entries.values()) {
      const { subscription } = entry;
      if (subscription.clinic !== frame.clinic || !subscription.topics.includes('presence')) continue;
      if (subscription.presence.apply(frame) === 'again') this.#again(entry);
    }
  }

  unsubscribed(frame) {
    // With `re` it answers our own wish to leave.
    if (frame.re !== undefined) return;
    const entry = this.#streams.get(frame.stream);
    if (!entry) return;
    this.#streams.delete(frame.stream);
    if (frame.code === 'scope_changed') {
      this.#again(entry);
    } else {
      entry.subscription.purge(frame.code);
    }
    this.#changed();
  }

  /** @returns {boolean} whether the error answered a wish */
  fail(frame) {
    // Without an index it is hello itself that was refused, and no wish.
    if (frame.re === this.#helloId && frame.index === undefined) return false;
    const entry = this.#take(frame);
    if (!entry) return false;
    const error = AuraError.fromWire(frame);
    if (error.temporary) this.#world.setTimeout(() => this.#ask(entry), error.retryMs ?? 1000);
    else entry.subscription.refuse(error);
    this.#changed();
    return true;
  }

  /** The person's rights in general are gone. */
  purgeAll(code) {
    for (const { subscription } of this.#entries.values()) subscription.purge(code);
    this.#entries.clear();
    this.#streams.clear();
  }

  #follow(entry, result) {
    if (result === 'again') this.#again(entry);
    else if (entry.subscription.state === 'live') {
      entry.gaps = 0;
      entry.counts = true;
    }
    this.#changed();
  }

  #again(entry) {
    const { subscription } = entry;
    entry.gaps += 1;
    if (entry.gaps >= GAPS_MAX) subscription.cursor = null;
    subscription.askedAgain();
    if (entry.gaps === 1) this.#ask(entry);
    else this.#world.setTimeout(() => this.#ask(entry), Math.floor(this.#world.random() * 500 * 2 ** Math.min(entry.gaps, 6)));
    this.#changed();
  }

  #ask(entry) {
    const { subscription } = entry;
    if (!this.#link || subscription.state !== 'waiting') return;
    const id = this.#link.nextId();
    this.#asked.set(id, [entry]);
    this.#link.send({ type: 'subscribe', id, ...subscription.wish() });
  }

  #take(frame) {
    const entries = this.#asked.get(frame.re);
    const index = frame.index ?? 0;
    const entry = entries?.[index];
    if (!entry) return null;
    delete entries[index];
    if (Object.keys(entries).length === 0) this.#asked.delete(frame.re);
    return entry;
  }

  #release(entry) {
    if (entry.handles > 0) entry.handles -= 1;
    if (entry.handles > 0) return;
    // Asked and not yet answered: it goes when the answer has told its stream.
    const { stream } = entry.subscription;
    if (stream) this.#drop(entry, stream);
    else if (!this.#link || isFinal(entry.subscription)) this.#forget(entry);
    this.#changed();
  }

  #drop(entry, stream) {
    this.#forget(entry);
    this.#streams.delete(stream);
    this.#link?.send({ type: 'unsubscribe', id: this.#link.nextId(), stream });
  }

  #forget(entry) {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }
}

const isFinal = ({ state }) => state === 'refused' || state === 'ended';
