/** Items that wait, by caller. Callers take turns, however many items one of them has. */
export class Turns<T> {
  /** The caller whose turn is next comes first. */
  readonly #byCaller = new Map<string, Set<T>>();

  add(caller: string, item: T): void {
    const items = this.#byCaller.get(caller);
    if (items) items.add(item);
    else this.#byCaller.set(caller, new Set([item]));
  }

  /** Takes an item out of its turn. No effect when it waits no longer. */
  remove(caller: string, item: T): void {
    const items = this.#byCaller.get(caller);
    if (items?.delete(item) && items.size === 0) this.#byCaller.delete(caller);
  }

  /** Takes the oldest item of the caller whose turn it is. */
  next(): T | undefined {
    for (const [caller, items] of this.#byCaller) {
      this.#byCaller.delete(caller);
      for (const item of items) {
        items.delete(item);
        if (items.size > 0) this.#byCaller.set(caller, items);
        return item;
      }
    }
    return undefined;
  }
}
