/**
 * What time it is at the hub. Waiting and running times are counted from the hub's stamps, and a tablet whose clock is
 * four minutes off would show a customer who has waited for minus three.
 *
 * A commit that arrives live was stamped a moment ago, so `at − now` is the difference less the time on the way; the
 * greatest of the last samples is nearest to the truth.
 */
export class ServerClock {
  #now;
  /** @type {number[]} */
  #samples = [];

  /** @param {() => number} now */
  constructor(now) {
    this.#now = now;
  }

  /** @param {number} at stamp of a commit that has just arrived live, Unix ms */
  sample(at) {
    this.#samples.push(at - this.#now());
    if (this.#samples.length > 16) this.#samples.shift();
  }

  /** @returns {number} Unix ms */
  now() {
    const offset = this.#samples.length > 0 ? Math.max(...this.#samples) : 0;
    // Within a second the difference may as well be the way's.
    return this.#now() + (Math.abs(offset) > 1000 ? offset : 0);
  }
}
