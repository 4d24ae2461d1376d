/** As many values as one `where` may list. */
const CHUNK = 32;

/**
 * The customers that a screen needs, and no others: a tablet does not carry the whole clinic's address book. Asks in
 * lists of ids, and lets a list go when nobody on it is needed any more.
 */
export class CustomerBook {
  #client;
  #clinic;
  #changed;
  /** @type {Array<{ids: Set<string>, subscription: any}>} */
  #chunks = [];

  /** @param {{client: any, clinic: string, changed: () => void}} options */
  constructor({ client, clinic, changed }) {
    this.#client = client;
    this.#clinic = clinic;
    this.#changed = changed;
  }

  /** @param {Iterable<string>} ids everybody who is needed now */
  need(ids) {
    const needed = new Set(ids);
    this.#chunks = this.#chunks.filter((chunk) => {
      if ([...chunk.ids].some((id) => needed.has(id))) return true;
      chunk.subscription.close();
      return false;
    });
    for (const chunk of this.#chunks) for (const id of chunk.ids) needed.delete(id);
    const missing = [...needed];
    for (let start = 0; start < missing.length; start += CHUNK) this.#ask(missing.slice(start, start + CHUNK));
  }

  /** @param {string} id */
  get(id) {
    for (const { ids, subscription } of this.#chunks) {
      if (ids.has(id)) return subscription.get('customers', id);
    }
    return undefined;
  }

  #ask(list) {
    const subscription = this.#client.subscribe({ clinic: this.#clinic, topics: ['customers'], where: { customer_id: list } });
    subscription.on('change', this.#changed);
    this.#chunks.push({ ids: new Set(list), subscription });
  }
}
