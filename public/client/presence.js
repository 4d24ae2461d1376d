import { Emitter } from './emitter.js';

/**
 * Who of a clinic's staff is connected. Outside the log: `n` counts the messages, and a number that is not the next one
 * means that the list is only trusted again at the next `all`.
 */
export class PresenceList extends Emitter {
  /** @type {Map<string, any>} by user id */
  #users = new Map();
  #n = 0;

  get users() {
    return [...this.#users.values()];
  }

  /** @param {string} user */
  get(user) {
    return this.#users.get(user);
  }

  clear() {
    this.#users.clear();
    this.#n = 0;
    this.emit('change', { op: 'all', users: [] });
  }

  /**
   * @param {{n: number, op: 'enter' | 'update' | 'leave' | 'all', users: any[]}} frame
   * @returns {'ok' | 'again'} `again`: something was missed; ask for the whole list
   */
  apply(frame) {
    const missed = frame.op !== 'all' && frame.n > this.#n + 1;
    this.#n = frame.n;
    if (frame.op === 'all') this.#users.clear();
    for (const user of frame.users) {
      if (frame.op === 'leave') this.#users.delete(user.id);
      else this.#users.set(user.id, user);
    }
    this.emit('change', { op: frame.op, users: frame.users });
    return missed ? 'again' : 'ok';
  }
}
