// A world in one thread: its clock moves only when told to, its chance comes from a seed, its sockets end in the test.

/** A generator of 0 … 1 from a seed (mulberry32): the same seed gives the same day. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class FakeWorld {
  time = 1_770_001_200_000;
  sockets = [];
  requests = [];
  random;
  /** What `fetch` answers: a function of (path, body) that returns {status, body} or throws. */
  answer = () => ({ status: 404, body: {} });
  #timers = new Map();
  #nextTimer = 1;

  constructor(seed = 1) {
    this.random = seeded(seed);
    const world = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url, protocol) {
        super(url, protocol);
        world.sockets.push(this);
      }
    };
  }

  now = () => this.time;

  fillRandom = (bytes) => {
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = Math.floor(this.random() * 256);
  };

  setTimeout = (work, ms) => {
    const id = this.#nextTimer;
    this.#nextTimer += 1;
    this.#timers.set(id, { at: this.time + ms, id, work });
    return id;
  };

  clearTimeout = (id) => {
    this.#timers.delete(id);
  };

  fetch = async (path, { body }) => {
    const sent = JSON.parse(body ?? '{}');
    this.requests.push({ path, body: sent });
    const { status, body: answer } = await this.answer(path, sent);
    return { ok: status < 400, status, headers: new Map(), json: async () => answer };
  };

  get socket() {
    return this.sockets.at(-1);
  }

  get openSockets() {
    return this.sockets.filter((socket) => socket.readyState < 2).length;
  }

  /** Lets everything run that waits for no time. */
  async settle() {
    for (let turn = 0; turn < 30; turn += 1) await null;
  }

  /** Moves the clock, stopping at each timer on the way. */
  async advance(ms) {
    const until = this.time + ms;
    await this.settle();
    for (;;) {
      const due = [...this.#timers.values()].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at || a.id - b.id)[0];
      if (!due) break;
      this.#timers.delete(due.id);
      this.time = Math.max(this.time, due.at);
      due.work();
      await this.settle();
    }
    this.time = until;
  }
}

/** The browser's side of a socket; the test plays the hub. */
class FakeSocket {
  readyState = 0;
  sent = [];
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  /** A link that swallows everything in silence. */
  isDead = false;

  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
  }

  send(text) {
    if (this.readyState !== 1) throw new Error('not open');
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 2;
  }

  // The hub's hand:

  open() {
    this.readyState = 1;
    this.onopen?.({});
  }

  say(frame) {
    if (!this.isDead && this.readyState === 1) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  end(code, reason = '') {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** The frames sent of one type, oldest first. */
  of(type) {
    return this.sent.filter((frame) => frame.type === type);
  }

  last(type) {
    return this.of(type).at(-1);
  }
}
