/**
 * Puts the parts of a snapshot together. Nothing of it shows before the last part: half a clinic is worse than an old one.
 */
export class SnapshotAssembly {
  /** @type {Map<string, Map<string, any>>} */
  tables = new Map();
  #nextPart = 0;

  /**
   * @param {{part: number, last: boolean, rows: Record<string, any[]>}} frame
   * @returns {'more' | 'complete' | 'broken'} `broken`: a part is missing; subscribe again
   */
  add(frame) {
    if (frame.part !== this.#nextPart) return 'broken';
    this.#nextPart += 1;
    for (const [name, rows] of Object.entries(frame.rows)) {
      let table = this.tables.get(name);
      if (!table) this.tables.set(name, (table = new Map()));
      for (const row of rows) table.set(row.id, row);
    }
    return frame.last ? 'complete' : 'more';
  }
}
