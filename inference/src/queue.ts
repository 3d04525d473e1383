import type { Item } from './item.ts';

/**
 * Items that wait for an engine, first come, first served. Bounded, and counted in items, not requests. An item
 * that is cancelled or expires leaves at once, wherever it stands.
 */
export class ItemQueue {
  readonly #capacity: number;
  /** In the order of arrival; a Map, so that leaving from the middle costs the same as from the front. */
  readonly #items = new Map<number, Item>();

  /** @param capacity items that may wait; at least 1 */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.size;
  }

  /** Items that may still come. */
  get room(): number {
    return this.#capacity - this.#items.size;
  }

  /** @throws RangeError when the queue is full: ask `room` first */
  push(item: Item): void {
    if (this.room <= 0) throw new RangeError(`the queue holds ${this.#capacity} items already`);
    this.#items.set(item.id, item);
  }

  /** The item that has waited longest; undefined when none waits. */
  shift(): Item | undefined {
    for (const [id, item] of this.#items) {
      this.#items.delete(id);
      return item;
    }
    return undefined;
  }

  /** @returns false when the item does not wait here */
  remove(id: number): boolean {
    return this.#items.delete(id);
  }
}
