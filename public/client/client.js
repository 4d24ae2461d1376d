import { Backoff } from './backoff.js';
import { CommandQueue } from './command-queue.js';
import { Emitter } from './emitter.js';
import { AuraError } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import { Requests } from './requests.js';
import { ServerClock } from './server-clock.js';
import { Socket } from './socket.js';
import { Status } from './status.js';
import { Subscriptions } from './subscriptions.js';
import { afterClose } from './close-codes.js';
import { makeWorld } from './world.js';
import { uuidv7 } from './uuid.js';

/** What to count on when a hub does not say. */
const LIMITS = { frame_bytes: 65_536, in_flight: 32, commands_per_second: 20 };
/** Opening, hello and welcome together. */
const HANDSHAKE_MS = 10_000;

/**
 * A live connection to the hub that keeps itself alive: reconnects, resumes, closes gaps, renews its token and sends
 * commands until they are answered.
 *
 * Events: `status` ({state, since, code}), `welcome` (the frame), `error` (an AuraError that belongs to nothing else).
 */
export class AuraClient extends Emitter {
  /** @type {CommandQueue} */
  commands;
  /** The last welcome's user, with memberships. @type {any} */
  user = null;

  #world;
  #url;
  #session;
  #about;
  #backoff;
  #heartbeat;
  #status;
  #subscriptions;
  #requests;
  #clock;

  /** @type {Socket | null} */
  #socket = null;
  #attempt = 0;
  #retryTimer = null;
  #handshakeTimer = null;
  #isWelcome = false;
  #inDoubt = false;
  #wasLive = false;
  #freshToken = false;
  #bye = null;
  #lastError = null;
  #helloId = null;
  #nextId = 0;

  /**
   * @param {object} options
   * @param {{token: (options?: {fresh?: boolean}) => Promise<string>}} options.session
   * @param {string} [options.url] default: `/ws` of the page's own host
   * @param {{app: string, version: string}} [options.app] who we are, for the hub's logs
   * @param {import('./queue-store.js').QueueStore} [options.queueStore]
   * @param {number} [options.staleAfterMs] how long a lost connection counts as a short break
   * @param {number} [options.queryTimeoutMs]
   * @param {Partial<import('./world.js').World>} [options.world]
   */
  constructor({ session, url, app = { app: 'aura-js', version: '1' }, queueStore, staleAfterMs = 10_000, queryTimeoutMs = 20_000, world }) {
    super();
    this.#world = makeWorld(world);
    this.#url = url ?? ownSocketUrl();
    this.#session = session;
    this.#about = { ...app, instance: uuidv7(this.#world) };
    this.#backoff = new Backoff({ random: this.#world.random });
    this.#clock = new ServerClock(this.#world.now);
    this.#status = new Status({ world: this.#world, staleAfterMs });
    this.#status.on('change', (status) => this.emit('status', status));
    this.#heartbeat = new Heartbeat({
      world: this.#world,
      ask: () => this.#send({ type: 'ping', id: this.#newId() }),
      dead: () => this.#socket?.drop('no answer'),
    });
    this.#subscriptions = new Subscriptions({
      world: this.#world,
      changed: () => this.#judge(),
      onCommit: (at) => this.#clock.sample(at),
    });
    this.#requests = new Requests({ world: this.#world, timeoutMs: queryTimeoutMs });
    this.commands = new CommandQueue({ world: this.#world, store: queueStore });
  }

  /** `{state, since, code}`; see status.js. */
  get status() {
    return this.#status.value;
  }

  /** The hub's time, Unix ms. */
  now() {
    return this.#clock.now();
  }

  /** Starts, or starts again after a stop. */
  connect() {
    if (this.#attempt > 0 && this.status.state !== 'stopped') return;
    this.#status.restart();
    this.#open();
  }

  /** Ends the connection for good; nothing is sent any more until `connect`. */
  close() {
    this.#stop('closed');
  }

  /**
   * A live view of rows. Widgets that wish for the same share one stream; each closes its own handle.
   * @param {{clinic: string, topics: string[], where?: Record<string, any>}} wish
   * @returns {import('./subscription.js').Subscription}
   */
  subscribe(wish) {
    return this.#subscriptions.add(wish);
  }

  /**
   * Does something once.
   * @param {string} name
   * @param {object} args
   * @param {{clinic: string, expect?: object, reason?: string, lane?: string, key?: string}} options
   * @returns {Promise<any>} the ack's `result`
   */
  command(name, args, options) {
    this.#heartbeat.expectAnswer();
    return this.commands.add({ ...options, name, args, user: this.user?.id });
  }

  /** A key for a command that is still to be given: who taps twice on what has a key does it once. */
  newKey() {
    return uuidv7(this.#world);
  }

  /**
   * Asks once; nothing changes by it.
   * @param {string} name
   * @param {object} args
   * @param {{clinic: string}} options
   */
  query(name, args, { clinic }) {
    this.#heartbeat.expectAnswer();
    return this.#requests.ask({ type: 'query', clinic, name, args });
  }

  /** The network is back, or the screen was woken: do not wait for a timer. */
  wake() {
    if (this.status.state === 'stopped' || this.#attempt === 0) return;
    if (this.#isWelcome) this.#heartbeat.probe();
    else if (this.#retryTimer !== null) {
      this.#backoff.reset();
      this.#open();
    }
  }

  /** The system says that the network is gone: believe the link again only when it answers. */
  doubt() {
    if (!this.#isWelcome) return;
    this.#inDoubt = true;
    this.#judge();
    this.#heartbeat.probe();
  }

  // Opening

  async #open() {
    this.#world.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    const attempt = (this.#attempt += 1);
    let token;
    try {
      token = await this.#session.token({ fresh: this.#freshToken });
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (error.temporary) this.#retry(error.retryMs ?? this.#backoff.next());
      else this.#stop(error.code ?? 'unauthenticated');
      return;
    }
    if (attempt !== this.#attempt) return;
    this.#freshToken = false;
    this.#wasLive = false;
    this.#bye = null;
    this.#lastError = null;
    const socket = new Socket({
      WebSocket: this.#world.WebSocket,
      url: this.#url,
      opened: () => this.#hello(token),
      frame: (frame) => this.#receive(frame),
      ended: (end) => {
        if (this.#socket === socket) this.#ended(end);
      },
    });
    this.#socket = socket;
    this.#handshakeTimer = this.#world.setTimeout(() => this.#socket?.drop('no welcome'), HANDSHAKE_MS);
  }

  #hello(token) {
    const id = (this.#helloId = this.#newId());
    this.#send({ type: 'hello', id, token, client: this.#about, subscribe: this.#subscriptions.hello(id) });
  }

  #welcome(frame) {
    this.#world.clearTimeout(this.#handshakeTimer);
    this.#isWelcome = true;
    this.user = frame.user;
    this.#heartbeat.start(frame.ping_ms ?? 20_000);
    const limits = { ...LIMITS, ...frame.limits };
    const link = {
      send: (out) => {
        this.#send(out);
        this.#heartbeat.expectAnswer();
      },
      nextId: () => this.#newId(),
      user: frame.user?.id,
      inFlight: limits.in_flight,
      frameBytes: limits.frame_bytes,
    };
    this.emit('welcome', frame);
    this.#subscriptions.attach(link);
    this.#requests.attach(link);
    this.commands.attach(link);
    this.#judge();
  }

  // Frames

  #receive(frame) {
    if (this.#isWelcome) {
      this.#heartbeat.heard();
      if (this.#inDoubt) {
        this.#inDoubt = false;
        this.#judge();
      }
    }
    switch (frame.type) {
      case 'welcome': return this.#welcome(frame);
      case 'subscribed': return this.#subscriptions.subscribed(frame);
      case 'snapshot': return this.#subscriptions.snapshot(frame);
      case 'delta': return this.#subscriptions.delta(frame);
      case 'presence': return this.#subscriptions.presence(frame);
      case 'unsubscribed': return this.#subscriptions.unsubscribed(frame);
      case 'ack': return void this.commands.acknowledge(frame);
      case 'result': return void this.#requests.answer(frame);
      case 'ping': return this.#pinged(frame);
      case 'auth_due': return void this.#renew();
      case 'error': return this.#failed(frame);
      case 'bye':
        this.#bye = frame;
        return undefined;
      default:
        // `pong` has done its work by arriving; a type of tomorrow is none of ours.
        return undefined;
    }
  }

  #pinged(frame) {
    this.#send({ type: 'pong', n: frame.n });
    this.#subscriptions.heads(frame.heads);
  }

  #failed(frame) {
    this.#lastError = frame;
    if (frame.re !== undefined && frame.re !== null) {
      if (this.commands.fail(frame) || this.#requests.answer(frame) || this.#subscriptions.fail(frame)) return;
    }
    this.emit('error', AuraError.fromWire(frame));
  }

  async #renew() {
    const socket = this.#socket;
    try {
      const token = await this.#session.token({ fresh: true });
      if (socket === this.#socket) this.#send({ type: 'auth', id: this.#newId(), token });
    } catch (error) {
      // While it may pass there is time to try again; without a new token the hub closes with 4200, and that is handled.
      if (error.temporary) this.#world.setTimeout(() => socket === this.#socket && this.#renew(), 5_000);
    }
  }

  // Closing

  #ended({ code }) {
    const said = this.#bye?.code ?? code;
    this.#disconnect();
    // A code that only says "gone" is explained by what the hub said before it.
    const action = this.#lastError?.code === 'token_expired' ? 'refresh' : afterClose(code >= 4000 ? code : said);
    if (action === 'stop') {
      this.#stop(code >= 4000 ? code : said);
      return;
    }
    this.#freshToken = action === 'refresh';
    const atOnce = (action === 'now' || action === 'refresh') && this.#wasLive;
    if (atOnce) this.#retry(0);
    else this.#retry(this.#bye?.reconnect_ms ?? this.#backoff.next());
  }

  #disconnect() {
    this.#world.clearTimeout(this.#handshakeTimer);
    const lastHeard = this.#heartbeat.lastHeard || null;
    this.#socket = null;
    this.#isWelcome = false;
    this.#inDoubt = false;
    this.#heartbeat.stop();
    this.#subscriptions.detach();
    this.#requests.detach();
    this.commands.detach();
    this.#status.lost(lastHeard);
  }

  #retry(ms) {
    this.#status.lost(this.#heartbeat.lastHeard || null);
    this.#retryTimer = this.#world.setTimeout(() => this.#open(), ms);
  }

  #stop(code) {
    this.#attempt += 1;
    this.#world.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    const socket = this.#socket;
    if (socket) {
      this.#disconnect();
      socket.drop('stopped');
    }
    if (code === 4003 || code === 4001) this.#subscriptions.purgeAll('access_revoked');
    this.#status.stopped(code);
  }

  #judge() {
    if (!this.#isWelcome) return;
    if (this.#subscriptions.isSettled && !this.#inDoubt) {
      this.#wasLive = true;
      this.#backoff.reset();
      this.#status.live();
    } else if (this.#wasLive) {
      this.#status.lost(this.#heartbeat.lastHeard);
    }
  }

  #newId() {
    this.#nextId += 1;
    return this.#nextId;
  }

  #send(frame) {
    this.#socket?.send(frame);
  }
}

function ownSocketUrl() {
  const { protocol, host } = globalThis.location;
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/ws`;
}
