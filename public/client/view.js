import { Emitter } from './emitter.js';

/**
 * The rows of one stream as the hub last said them: a Map by table of Maps by id.
 *
 * Emits `change` once for each frame that changed something, never in the middle of a commit:
 * `{reset, commits, tables}` – `reset` after a snapshot, `commits` as they came (with `cause`), `tables` a Set of names.
 */
export class View extends Emitter {
  /** @type {Map<string, Map<string, any>>} */
  #tables = new Map();

  /**
   * The live Map of a table: read it, do not write it.
   * @param {string} name
   * @returns {ReadonlyMap<string, any>}
   */
  table(name) {
    let rows = this.#tables.get(name);
    if (!rows) this.#tables.set(name, (rows = new Map()));
    return rows;
  }

  /** @param {string} table */
  rows(table) {
    return [...this.table(table).values()];
  }

  /** @param {string} table @param {string} id */
  get(table, id) {
    return this.table(table).get(id);
  }

  get size() {
    let size = 0;
    for (const rows of this.#tables.values()) size += rows.size;
    return size;
  }

  /**
   * Swaps everything held for a complete snapshot.
   * @param {Map<string, Map<string, any>>} tables
   */
  replace(tables) {
    const names = new Set([...this.#tables.keys(), ...tables.keys()]);
    this.#tables = tables;
    this.emit('change', { reset: true, commits: [], tables: names });
  }

  /**
   * Applies whole commits in order.
   * @param {Array<{seq: number, at: number, changes: any[]}>} commits
   */
  apply(commits) {
    const names = new Set();
    for (const commit of commits) {
      for (const change of commit.changes) {
        if (this.#applyChange(change)) names.add(change.table);
      }
    }
    if (names.size > 0) this.emit('change', { reset: false, commits, tables: names });
  }

  /** The version decides, so that a row that comes twice, or late, does no harm. */
  #applyChange(change) {
    const rows = /** @type {Map<string, any>} */ (this.table(change.table));
    if (change.op === 'remove') {
      const held = rows.get(change.id);
      if (!held || held.version > change.version) return false;
      return rows.delete(change.id);
    }
    const held = rows.get(change.row.id);
    if (held && held.version >= change.row.version) return false;
    rows.set(change.row.id, change.row);
    return true;
  }
}
