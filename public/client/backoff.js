/**
 * Full jitter: each wait is drawn evenly from 0 to a ceiling that doubles. Half a thousand tablets that lose the same
 * server then come back spread over the whole ceiling and not in waves.
 */
export class Backoff {
  #attempt = 0;
  #random;
  #baseMs;
  #capMs;

  /** @param {{random: () => number, baseMs?: number, capMs?: number}} options */
  constructor({ random, baseMs = 500, capMs = 20_000 }) {
    this.#random = random;
    this.#baseMs = baseMs;
    this.#capMs = capMs;
  }

  /** @returns {number} milliseconds to wait before the next attempt */
  next() {
    const ceiling = Math.min(this.#capMs, this.#baseMs * 2 ** this.#attempt);
    // 2^20 is past every cap: counting on would only lose precision.
    this.#attempt = Math.min(this.#attempt + 1, 20);
    return Math.floor(this.#random() * ceiling);
  }

  reset() {
    this.#attempt = 0;
  }
}
