/** The keys of a database in their order, as latin1 strings. */
export class KeyOrder {
  readonly #keys: string[] = [];

  add(key: string): void {
    this.#keys.splice(this.#firstFrom(key), 0, key);
  }

  remove(key: string): void {
    this.#keys.splice(this.#firstFrom(key), 1);
  }

  /** `end` exclusive; undefined: the one key. */
  between(from: Buffer, end: Buffer | undefined, limit = Infinity): readonly string[] {
    const first = from.toString('latin1');
    const start = this.#firstFrom(first);
    if (end === undefined) return this.#keys[start] === first ? [first] : [];
    const stop = Math.max(start, this.#firstFrom(end.toString('latin1')));
    return this.#keys.slice(start, Math.min(stop, start + limit));
  }

  #firstFrom(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
