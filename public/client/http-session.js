import { Emitter } from './emitter.js';
import { AuraError } from './errors.js';
import { makeWorld } from './world.js';

/**
 * Signing in and staying so. The access token lives in memory only; what lasts is the refresh cookie, which no script
 * can read. Emits `ended` when the hub no longer knows the session.
 */
export class HttpSession extends Emitter {
  #token = null;
  #expiresAt = 0;
  #refreshing = null;
  #base;
  #world;
  #locks;
  user = null;

  /** @param {{base?: string, world?: Partial<import('./world.js').World>, locks?: LockManager}} [options] */
  constructor({ base = '', world, locks = globalThis.navigator?.locks } = {}) {
    super();
    this.#base = base;
    this.#world = makeWorld(world);
    this.#locks = locks;
  }

  /**
   * @param {string} email
   * @param {string} password
   * @returns {Promise<any>} the user
   */
  async signIn(email, password) {
    return this.#take(await this.#post('/api/auth/login', { email, password }));
  }

  /** Forgets the session here and at the hub. */
  async signOut() {
    const token = this.#token;
    this.#token = null;
    this.user = null;
    await this.#post('/api/auth/logout', {}, token).catch(() => {});
  }

  /**
   * A token that is good for a while yet. `fresh` asks the hub for a new one in any case.
   * @param {{fresh?: boolean}} [options]
   * @returns {Promise<string>}
   */
  async token({ fresh = false } = {}) {
    if (!fresh && this.#token && this.#expiresAt - this.#world.now() > 30_000) return this.#token;
    await this.refresh();
    return /** @type {string} */ (this.#token);
  }

  /**
   * One refresh at a time, over all tabs: the cookie turns with each, and a second tab that sends the old one would look
   * like a thief.
   * @returns {Promise<any>} the user
   */
  refresh() {
    this.#refreshing ??= this.#locked(() => this.#post('/api/auth/refresh', {}))
      .then((answer) => this.#take(answer))
      .catch((error) => {
        if (!error.temporary) {
          this.#token = null;
          this.emit('ended', error);
        }
        throw error;
      })
      .finally(() => {
        this.#refreshing = null;
      });
    return this.#refreshing;
  }

  #locked(work) {
    return this.#locks ? this.#locks.request('aura.refresh', work) : work();
  }

  #take({ access_token, expires_at, user }) {
    this.#token = access_token;
    this.#expiresAt = expires_at;
    this.user = user ?? this.user;
    return this.user;
  }

  async #post(path, body, token = null) {
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
    if (token) headers.Authorization = `Bearer ${token}`;
    let response;
    try {
      response = await this.#world.fetch(this.#base + path, {
        method: 'POST',
        credentials: 'same-origin',
        headers,
        body: JSON.stringify(body),
      });
    } catch {
      throw new AuraError('unreachable', 'the hub cannot be reached', { temporary: true });
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw refusal(response, answer);
  }
}

/** A token from elsewhere, for scripts and tests. @param {string} token */
export const fixedToken = (token) => ({ token: async () => token });

function refusal(response, answer) {
  const error = answer.error && typeof answer.error === 'object' ? answer.error : answer;
  const seconds = Number(response.headers?.get?.('Retry-After'));
  return new AuraError(typeof error.code === 'string' ? error.code : `http_${response.status}`, error.message, {
    temporary: error.temporary ?? (response.status >= 500 || response.status === 429),
    details: error.details ?? {},
    retryMs: error.retry_ms ?? (seconds > 0 ? seconds * 1000 : undefined),
    status: response.status,
  });
}
