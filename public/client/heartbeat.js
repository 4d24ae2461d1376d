/**
 * Finds a dead link from this side. A browser keeps a socket whose peer is gone "open" for minutes; the hub however
 * never stays silent for longer than `ping_ms`. So silence is followed by a question, and no answer by the end.
 */
export class Heartbeat {
  #world;
  #ask;
  #dead;
  #silenceMs = 25_000;
  #timer = null;
  #lastHeard = 0;
  #asking = false;
  #deadline = 0;

  /**
   * @param {{world: import('./world.js').World, ask: () => void, dead: () => void, answerMs?: number}} options
   *   `ask` sends a ping; `dead` is called once when nothing came within `answerMs`.
   */
  constructor({ world, ask, dead, answerMs = 5_000 }) {
    this.#world = world;
    this.#ask = ask;
    this.#dead = dead;
    this.answerMs = answerMs;
  }

  get lastHeard() {
    return this.#lastHeard;
  }

  /** @param {number} pingMs what `welcome.ping_ms` promises */
  start(pingMs) {
    this.#silenceMs = Math.round(pingMs * 1.25);
    this.heard();
  }

  stop() {
    this.#world.clearTimeout(this.#timer);
    this.#timer = null;
    this.#asking = false;
  }

  /** Any frame is a sign of life. */
  heard() {
    this.#lastHeard = this.#world.now();
    this.#asking = false;
    this.#arm(this.#silenceMs);
  }

  /** Something was sent that is answered at once on a healthy link: do not wait for the long silence. */
  expectAnswer() {
    if (this.#timer === null || this.#asking) return;
    // Only ever sooner: a busy hand must not keep putting the question off.
    if (this.#deadline - this.#world.now() > this.answerMs) this.#arm(this.answerMs);
  }

  /** Doubt from outside (woken up, network changed): ask now. */
  probe() {
    if (this.#asking || this.#timer === null) return;
    this.#asking = true;
    this.#arm(this.answerMs);
    this.#ask();
  }

  #arm(ms) {
    this.#world.clearTimeout(this.#timer);
    this.#deadline = this.#world.now() + ms;
    this.#timer = this.#world.setTimeout(() => {
      if (!this.#asking) {
        this.probe();
        return;
      }
      this.stop();
      this.#dead();
    }, ms);
  }
}
