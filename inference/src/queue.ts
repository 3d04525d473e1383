import type { Item } from './item.ts';

/** How items of one model version wait; docs/inference.md has the words for operators. */
export interface QueuePolicy {
  /** Items that may wait, apart from the batches that engines gather. */
  readonly maxQueueSize: number;
  /** At least 1; level 1 goes first. */
  readonly levels: number;
  /** Of items whose caller names none. */
  readonly defaultLevel: number;
  /** An item that has waited longer goes before those of higher priority, in ms. */
  readonly starvationMs: number;
  /** What happens to an item that has waited too long: it is refused, or goes behind the others. */
  readonly timeoutAction: 'reject' | 'delay';
  /** How long an item may wait for its run unless its caller asks for less, in ms; Infinity: as long as it has time. */
  readonly defaultTimeoutMs: number;
  readonly allowTimeoutOverride: boolean;
}

export interface QueueBounds {
  /** Items that may wait, in all levels together; at least 1. */
  readonly capacity: number;
  /** Priority levels; at least 1. */
  readonly levels: number;
  /** An item that has waited longer goes before those of higher priority, in ms. */
  readonly starvationMs: number;
}

/** Items of one level. Maps, so that leaving from the middle costs the same as from the front. */
interface Level {
  /** In the order of arrival. */
  readonly items: Map<number, Item>;
  /** Those whose queue timeout passed, in that order. */
  readonly delayed: Map<number, Item>;
}

/**
 * Items that wait for an engine: by priority level, and within a level first come, first served. Bounded, and counted
 * in items, not requests. An item that is cancelled or expires leaves at once, wherever it stands.
 */
export class ItemQueue {
  readonly #bounds: QueueBounds;
  readonly #levels: readonly Level[];
  #size = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
    this.#levels = Array.from({ length: bounds.levels }, () => ({ items: new Map(), delayed: new Map() }));
  }

  get size(): number {
    return this.#size;
  }

  /** Items that may still come. */
  get room(): number {
    return this.#bounds.capacity - this.#size;
  }

  /** Items that go before one of this level that comes now. */
  ahead(level: number): number {
    let count = 0;
    for (const { items, delayed } of this.#levels.slice(0, level)) count += items.size + delayed.size;
    return count - (this.#levels[level - 1]?.delayed.size ?? 0);
  }

  /** @throws RangeError when the queue is full (ask `room` first), or has no such level */
  push(item: Item): void {
    if (this.room <= 0) throw new RangeError(`the queue holds ${this.#bounds.capacity} items already`);
    this.#level(item.level).items.set(item.id, item);
    this.#size += 1;
  }

  /** The item whose turn it is; undefined when none waits. */
  shift(nowMs: number): Item | undefined {
    const item = this.#starving(nowMs) ?? this.#foremost();
    if (item) this.remove(item);
    return item;
  }

  /** @returns false when the item does not wait here */
  remove({ id, level }: Item): boolean {
    const { items, delayed } = this.#level(level);
    const removed = items.delete(id) || delayed.delete(id);
    if (removed) this.#size -= 1;
    return removed;
  }

  /**
   * Moves an item behind all others of its level, and of higher ones. Others that come later go before it as well.
   *
   * @returns false when the item does not wait here
   */
  delay(item: Item): boolean {
    const { items, delayed } = this.#level(item.level);
    if (!items.delete(item.id)) return false;
    delayed.set(item.id, item);
    return true;
  }

  #level(level: number): Level {
    const found = this.#levels[level - 1];
    if (!found) throw new RangeError(`there is no level ${level}`);
    return found;
  }

  /** The longest-waiting item beyond the starvation bound. Delayed ones had their turn. */
  #starving(nowMs: number): Item | undefined {
    if (this.#levels.length === 1) return undefined;
    let oldest: Item | undefined;
    for (const { items } of this.#levels) {
      const head = first(items);
      if (head && (!oldest || head.queuedAtMs < oldest.queuedAtMs)) oldest = head;
    }
    return oldest && nowMs - oldest.queuedAtMs > this.#bounds.starvationMs ? oldest : undefined;
  }

  #foremost(): Item | undefined {
    for (const { items, delayed } of this.#levels) {
      const head = first(items) ?? first(delayed);
      if (head) return head;
    }
    return undefined;
  }
}

function first<T>(map: ReadonlyMap<unknown, T>): T | undefined {
  return map.values().next().value;
}
