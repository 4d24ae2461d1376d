/**
 * Where commands wait until the hub has answered them. Anything with these three methods will do (they may return
 * promises); a command is sent only once `add` is done, so that a crash after the tap cannot lose it.
 *
 * @typedef {object} QueueStore
 * @property {() => any[] | Promise<any[]>} all in the order of `add`
 * @property {(entry: any) => void | Promise<void>} add
 * @property {(key: string) => void | Promise<void>} remove
 */

/** Keeps nothing beyond the page. @implements {QueueStore} */
export class MemoryQueueStore {
  #entries = new Map();

  all() {
    return [...this.#entries.values()];
  }

  add(entry) {
    this.#entries.set(entry.key, entry);
  }

  remove(key) {
    this.#entries.delete(key);
  }
}

/**
 * Keeps the queue in a `Storage` (localStorage, sessionStorage), one item a command, so that two tabs never overwrite
 * each other's. With sessionStorage a tab sends only its own after a reload. Storage that is full or forbidden is
 * treated as absent: the command still goes out.
 * @implements {QueueStore}
 */
export class WebQueueStore {
  #storage;
  #prefix;

  /** @param {{storage: Storage, prefix?: string}} options */
  constructor({ storage, prefix = 'aura.queue.' }) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  all() {
    const entries = [];
    try {
      for (let index = 0; index < this.#storage.length; index += 1) {
        const name = this.#storage.key(index);
        if (!name?.startsWith(this.#prefix)) continue;
        const entry = JSON.parse(this.#storage.getItem(name) ?? 'null');
        if (entry?.key) entries.push(entry);
      }
    } catch {
      return [];
    }
    return entries.sort((a, b) => a.order - b.order);
  }

  add(entry) {
    try {
      this.#storage.setItem(this.#prefix + entry.key, JSON.stringify(entry));
    } catch {
      // Full or forbidden: the tap still counts while the page lives.
    }
  }

  remove(key) {
    try {
      this.#storage.removeItem(this.#prefix + key);
    } catch {
      // As above.
    }
  }
}
