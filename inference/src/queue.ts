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

/** An item that waits, and its turn among those of its level. */
interface Waiting {
  readonly item: Item;
  readonly cost: number;
  readonly turn: number;
}

/** Items of one level. Maps, so that leaving from the middle costs the same as from the front. */
interface Level {
  /** In the order of arrival. */
  readonly items: Map<number, Waiting>;
  /** Those whose queue timeout passed, in that order. */
  readonly delayed: Map<number, Waiting>;
}

/** Whether an item can be taken now. */
type Fits = (item: Item) => boolean;
const ANY: Fits = () => true;

/** Shares that are remembered before those without effect are dropped. */
const MOST_SHARES = 1024;

/**
 * Items that wait for an engine: by priority level, within a level by share, and within a share first come, first
 * served. Bounded, and counted in items, not requests. An item that is cancelled or expires leaves at once, wherever
 * it stands.
 *
 * Shares take turns by cost, not by count (start-time fair queueing, Goyal 1996): an item's turn is when the items of
 * its share before it would have been served, had each share got the same. Alone, a share gets everything.
 */
export class ItemQueue {
  readonly #bounds: QueueBounds;
  readonly #costOf: (item: Item) => number;
  readonly #levels: readonly Level[];
  /** Share → where its next item's turn is at the earliest. */
  readonly #nextTurns = new Map<string, number>();
  /** Share → items that wait. */
  readonly #sizes = new Map<string, number>();
  #turn = 0;
  #size = 0;

  /** @param costOf what an item takes of the engines, in any unit */
  constructor(bounds: QueueBounds, costOf: (item: Item) => number = () => 1) {
    this.#bounds = bounds;
    this.#costOf = costOf;
    this.#levels = Array.from({ length: bounds.levels }, () => ({ items: new Map(), delayed: new Map() }));
  }

  get size(): number {
    return this.#size;
  }

  /** Items that may still come. */
  get room(): number {
    return this.#bounds.capacity - this.#size;
  }

  /** Items that go before one of this level and share that comes now, and the work of decoding them. */
  ahead(level: number, share: string): { readonly count: number; readonly work: number } {
    const turn = this.#turnOf(share);
    let count = 0;
    let work = 0;
    const add = ({ item }: Waiting) => {
      count += 1;
      work += item.cost.work;
    };
    this.#levels.slice(0, level).forEach(({ items, delayed }, i) => {
      const isOwn = i === level - 1;
      for (const waiting of items.values()) if (!isOwn || waiting.turn <= turn) add(waiting);
      if (!isOwn) for (const waiting of delayed.values()) add(waiting);
    });
    return { count, work };
  }

  /** @throws RangeError when the queue is full (ask `room` first), or has no such level */
  push(item: Item): void {
    if (this.room <= 0) throw new RangeError(`the queue holds ${this.#bounds.capacity} items already`);
    const { share } = item;
    const turn = this.#turnOf(share);
    const cost = this.#costOf(item);
    this.#level(item.level).items.set(item.id, { item, cost, turn });
    this.#nextTurns.set(share, turn + cost);
    this.#sizes.set(share, this.#sizeOf(share) + 1);
    this.#size += 1;
    if (this.#nextTurns.size > MOST_SHARES) this.#forgetPast();
  }

  /** The item whose turn it is, among those that fit; undefined when none waits. */
  shift(nowMs: number, fits: Fits = ANY): Item | undefined {
    const waiting = this.#starving(nowMs, fits) ?? this.#foremost(fits);
    if (!waiting) return undefined;
    this.#turn = Math.max(this.#turn, waiting.turn);
    this.#take(waiting.item);
    return waiting.item;
  }

  /** Takes out an item that left: its share did not get what it would have cost. @returns false when it does not wait here */
  remove(item: Item): boolean {
    const waiting = this.#take(item);
    if (!waiting) return false;
    const next = this.#nextTurns.get(item.share);
    if (next !== undefined) this.#nextTurns.set(item.share, next - waiting.cost);
    return true;
  }

  /**
   * The item that makes room for one of a share which has less here: the last one of the share that has most.
   *
   * @returns undefined where that would only turn the difference round
   */
  displaceable(share: string, count = 1): Item | undefined {
    let largest = share;
    for (const [other, size] of this.#sizes) if (size > this.#sizeOf(largest)) largest = other;
    if (this.#sizeOf(largest) < this.#sizeOf(share) + count + 1) return undefined;
    for (const { items, delayed } of this.#levels.toReversed()) {
      const last = lastOf(delayed, largest) ?? lastOf(items, largest);
      if (last) return last;
    }
    return undefined;
  }

  /**
   * Moves an item behind all others of its level, and of higher ones. Others that come later go before it as well.
   *
   * @returns false when the item does not wait here
   */
  delay({ id, level }: Item): boolean {
    const { items, delayed } = this.#level(level);
    const waiting = items.get(id);
    if (!waiting) return false;
    items.delete(id);
    delayed.set(id, waiting);
    return true;
  }

  #level(level: number): Level {
    const found = this.#levels[level - 1];
    if (!found) throw new RangeError(`there is no level ${level}`);
    return found;
  }

  #take({ id, level, share }: Item): Waiting | undefined {
    const { items, delayed } = this.#level(level);
    const waiting = items.get(id) ?? delayed.get(id);
    if (!waiting) return undefined;
    if (!items.delete(id)) delayed.delete(id);
    this.#size -= 1;
    const size = this.#sizeOf(share) - 1;
    if (size > 0) this.#sizes.set(share, size);
    else this.#sizes.delete(share);
    // Nobody waits: what shares had before is of no account.
    if (this.#size === 0) {
      this.#turn = 0;
      this.#nextTurns.clear();
    }
    return waiting;
  }

  #turnOf(share: string): number {
    return Math.max(this.#turn, this.#nextTurns.get(share) ?? 0);
  }

  #sizeOf(share: string): number {
    return this.#sizes.get(share) ?? 0;
  }

  /** Shares that have had no more than the others need no memory. */
  #forgetPast(): void {
    for (const [share, turn] of this.#nextTurns) if (turn <= this.#turn) this.#nextTurns.delete(share);
  }

  /** Next of the level whose oldest item has waited beyond the starvation bound. Delayed ones had their turn. */
  #starving(nowMs: number, fits: Fits): Waiting | undefined {
    if (this.#levels.length === 1) return undefined;
    let oldest: Level | undefined;
    let sinceMs = nowMs - this.#bounds.starvationMs;
    for (const level of this.#levels) {
      const { queuedAtMs } = level.items.values().next().value?.item ?? { queuedAtMs: nowMs };
      if (queuedAtMs < sinceMs) [oldest, sinceMs] = [level, queuedAtMs];
    }
    return oldest && nextOf(oldest.items, fits);
  }

  #foremost(fits: Fits): Waiting | undefined {
    for (const { items, delayed } of this.#levels) {
      const next = nextOf(items, fits) ?? nextOf(delayed, fits);
      if (next) return next;
    }
    return undefined;
  }
}

function nextOf(waiting: ReadonlyMap<number, Waiting>, fits: Fits): Waiting | undefined {
  let next: Waiting | undefined;
  for (const one of waiting.values()) if (!(next && next.turn <= one.turn) && fits(one.item)) next = one;
  return next;
}

function lastOf(waiting: ReadonlyMap<number, Waiting>, share: string): Item | undefined {
  let last: Item | undefined;
  for (const { item } of waiting.values()) if (item.share === share) last = item;
  return last;
}
