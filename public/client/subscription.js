import { Emitter } from './emitter.js';
import { PresenceList } from './presence.js';
import { SnapshotAssembly } from './snapshot.js';
import { View } from './view.js';

/**
 * One wish (clinic, topics, filter) and how far it has come. Knows no socket: the client hands it frames and asks again
 * where it says `again`.
 *
 * States: `waiting` (not asked, or asked and not answered) → `snapshot` → `live`; `refused` and `ended` are final.
 *
 * Events: `change` (of its view), `live`, `presence`, `refused` (an AuraError), `ended` ({code}).
 */
export class Subscription extends Emitter {
  view = new View();
  presence = new PresenceList();
  /** @type {'waiting' | 'snapshot' | 'live' | 'refused' | 'ended'} */
  state = 'waiting';
  /** The server's name for the stream on this connection. @type {string | null} */
  stream = null;
  /** @type {{epoch: string, seq: number, scope?: string} | null} */
  cursor = null;
  /** Why the hub sent what it sent last: `first`, `too_old`, `cheaper` … or `resume`. @type {string | null} */
  reason = null;

  #assembly = new SnapshotAssembly();
  #arriving = null;
  #onClose;

  /**
   * @param {{clinic: string, topics: string[], where?: object}} wish
   * @param {() => void} onClose
   */
  constructor(wish, onClose) {
    super();
    this.clinic = wish.clinic;
    this.topics = [...wish.topics];
    this.where = wish.where ?? null;
    this.#onClose = onClose;
    this.view.on('change', (change) => this.emit('change', change));
    this.presence.on('change', (change) => this.emit('presence', change));
  }

  /** @param {string} table */
  rows(table) {
    return this.view.rows(table);
  }

  /** @param {string} table @param {string} id */
  get(table, id) {
    return this.view.get(table, id);
  }

  /** Ends this handle; the stream itself ends when its last handle has. */
  close() {
    this.#onClose();
  }

  /** Whether there is nothing left to wait for. */
  get isSettled() {
    return this.state === 'live' || this.state === 'refused' || this.state === 'ended';
  }

  /** What to send: an entry of `hello.subscribe`, or the body of `subscribe`. */
  wish() {
    const wish = { clinic: this.clinic, topics: this.topics, cursor: this.cursor };
    if (this.where) wish.where = this.where;
    return wish;
  }

  /** The connection is gone; rows and cursor stay. */
  disconnected() {
    if (this.state === 'refused' || this.state === 'ended') return;
    this.state = 'waiting';
    this.stream = null;
  }

  /** Asked again on a living connection, after a gap: what comes until the answer is covered by the answer. */
  askedAgain() {
    this.state = 'waiting';
  }

  subscribed(frame) {
    this.stream = frame.stream;
    this.reason = frame.mode === 'resume' ? 'resume' : (frame.reason ?? null);
    if (frame.mode === 'resume' && this.cursor) {
      // What follows continues from the place that is answered: where I missed nothing, the stream's, not mine.
      this.cursor = frame.cursor;
      this.#becomeLive();
    } else if (this.topics.every((topic) => topic === 'presence')) {
      this.cursor = frame.cursor ?? null;
      this.#becomeLive();
    } else {
      this.#assembly = new SnapshotAssembly();
      this.#arriving = frame.cursor;
      this.state = 'snapshot';
    }
  }

  /** @returns {'ok' | 'again'} */
  snapshot(frame) {
    if (this.state !== 'snapshot') return 'ok';
    const result = this.#assembly.add(frame);
    if (result === 'broken') {
      this.cursor = null;
      return 'again';
    }
    if (result === 'complete') {
      this.cursor = { ...this.#arriving, seq: frame.seq };
      const { tables } = this.#assembly;
      this.#assembly = new SnapshotAssembly();
      this.view.replace(tables);
      this.#becomeLive();
    }
    return 'ok';
  }

  /**
   * A delta covers what lies after `prev` up to `seq`. It continues what I hold if it begins no later than my seq.
   * @returns {'ok' | 'again'}
   */
  delta(frame) {
    if (this.state !== 'live' || !this.cursor) return 'ok';
    const { seq } = this.cursor;
    if (frame.seq <= seq) return 'ok';
    if (frame.prev > seq) return 'again';
    this.cursor = { ...this.cursor, seq: frame.seq };
    this.view.apply(frame.commits.filter((commit) => commit.seq > seq));
    return 'ok';
  }

  /** @returns {'ok' | 'again'} */
  head(seq) {
    return this.state === 'live' && this.cursor && seq > this.cursor.seq ? 'again' : 'ok';
  }

  refuse(error) {
    this.state = 'refused';
    this.emit('refused', error);
  }

  /** Rights are gone: what was held goes too, before anybody is told. */
  purge(code) {
    this.state = 'ended';
    this.stream = null;
    this.cursor = null;
    this.view.replace(new Map());
    this.presence.clear();
    this.emit('ended', { code });
  }

  #becomeLive() {
    this.state = 'live';
    this.emit('live', { reason: this.reason });
  }
}

/**
 * One spelling for one wish, so that two widgets that want the same share one stream.
 * @param {{clinic: string, topics: string[], where?: object | null}} wish
 */
export function wishKey({ clinic, topics, where }) {
  const filter = Object.entries(where ?? {})
    .map(([column, value]) => [column, Array.isArray(value) ? [...value].sort() : value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([clinic, [...topics].sort(), filter]);
}
