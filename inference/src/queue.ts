import { isHeavy } from './decoding.ts';
import type { Item } from './item.ts';
import { Line, type Share, type Waiting } from './queue-line.ts';

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

/** Whether an item can be taken now. */
type Fits = (item: Item) => boolean;
const ANY: Fits = () => true;

/** Shares that are remembered before those without effect are dropped. */
const MOST_SHARES = 1024;

const CLASSES = ['light', 'heavy'] as const;

/** Lines of one level, or of the items of a level whose queue timeout passed. */
type Rank = Map<string, Line>;

/**
 * Items that wait for an engine: by priority level, within a level by share, and within a share first come, first
 * served, but for heavy items, which others of their share may pass. Bounded, and counted in items, not requests. An
 * item that is cancelled or expires leaves at once, wherever it stands. No operation looks at more than one item a line.
 *
 * Shares take turns by cost, not by count (start-time fair queueing, Goyal 1996): the next one is that which has had
 * least, counted from when it came. Alone, a share gets everything.
 */
export class ItemQueue {
  readonly #bounds: QueueBounds;
  readonly #costOf: (item: Item) => number;
  /** Two of each level: its items, then those that were delayed. */
  readonly #ranks: readonly Rank[];
  readonly #shares = new Map<string, Share>();
  readonly #waiting = new Map<number, Waiting>();
  #turn = 0;
  #mostShares = MOST_SHARES;

  /** @param costOf what an item takes of the engines, in any unit */
  constructor(bounds: QueueBounds, costOf: (item: Item) => number = () => 1) {
    this.#bounds = bounds;
    this.#costOf = costOf;
    this.#ranks = Array.from({ length: 2 * bounds.levels }, () => new Map());
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Items that may still come. */
  get room(): number {
    return this.#bounds.capacity - this.size;
  }

  /** Items that go before one of this level and share that comes now, and the work of decoding them; of other shares about. */
  ahead(level: number, name: string): { readonly count: number; readonly work: number } {
    const own = this.#shares.get(name);
    const turn = this.#turnOf(own) + (own?.cost ?? 0);
    let count = 0;
    let work = 0;
    this.#ranks.slice(0, 2 * level - 1).forEach((rank, i) => {
      const isOwn = i === 2 * level - 2;
      for (const { share, count: size, work: lineWork } of rank.values()) {
        const part = !isOwn || share === own ? 1 : Math.min(1, Math.max(0, turn - share.turn) / share.cost);
        count += Math.floor(part * size);
        work += part * lineWork;
      }
    });
    return { count, work };
  }

  /** @throws RangeError when the queue is full (ask `room` first), or has no such level */
  push(item: Item): void {
    if (this.room <= 0) throw new RangeError(`the queue holds ${this.#bounds.capacity} items already`);
    const share = this.#shares.get(item.share) ?? { turn: 0, count: 0, cost: 0 };
    if (share.count === 0) share.turn = this.#turnOf(share);
    const waiting = { item, cost: this.#costOf(item), share };
    this.#add(waiting, 2 * (item.level - 1));
    this.#shares.set(item.share, share);
    this.#waiting.set(item.id, waiting);
    share.count += 1;
    share.cost += waiting.cost;
    if (this.#shares.size > this.#mostShares) this.#forgetPast();
  }

  /** The item whose turn it is, among those that fit; undefined when none waits. */
  shift(nowMs: number, fits: Fits = ANY): Item | undefined {
    const waiting = this.#starving(nowMs, fits) ?? this.#foremost(fits);
    if (!waiting) return undefined;
    const { share, cost, item } = waiting;
    this.#turn = Math.max(this.#turn, share.turn);
    share.turn += cost;
    this.#take(waiting);
    return item;
  }

  /** An item took more than it looked: its share has had that too. What took less is not given back. */
  charge(name: string, cost: number): void {
    const share = this.#shares.get(name);
    if (share) share.turn += Math.max(0, cost);
  }

  /** Takes out an item that left. @returns false when it does not wait here */
  remove({ id }: Item): boolean {
    const waiting = this.#waiting.get(id);
    if (waiting) this.#take(waiting);
    return waiting !== undefined;
  }

  /**
   * The item that makes room for one of a share which has less here: the last one of the share that has most.
   *
   * @returns undefined where that would only turn the difference round
   */
  displaceable(name: string, count = 1): Item | undefined {
    const own = this.#shares.get(name)?.count ?? 0;
    let [largest, most] = [name, own];
    for (const [other, share] of this.#shares) if (share.count > most) [largest, most] = [other, share.count];
    if (most < own + count + 1) return undefined;
    for (const rank of this.#ranks.toReversed()) {
      const [light, heavy] = CLASSES.map((name) => rank.get(`${name} ${largest}`)?.last?.item);
      if (light || heavy) return (light?.id ?? -1) > (heavy?.id ?? -1) ? light : heavy;
    }
    return undefined;
  }

  /**
   * Moves an item behind all others of its level, and of higher ones. Others that come later go before it as well.
   *
   * @returns false when the item does not wait here
   */
  delay({ id, level }: Item): boolean {
    const waiting = this.#waiting.get(id);
    if (!waiting) return false;
    waiting.line?.delete(waiting);
    this.#add(waiting, 2 * level - 1);
    return true;
  }

  #add(waiting: Waiting, place: number): void {
    const rank = this.#ranks[place];
    if (!rank) throw new RangeError(`there is no level ${waiting.item.level}`);
    const { cost, share } = waiting.item;
    const key = `${CLASSES[isHeavy(cost) ? 1 : 0]} ${share}`;
    const line = rank.get(key) ?? new Line(waiting.share, () => rank.delete(key));
    rank.set(key, line);
    line.add(waiting);
  }

  #take(waiting: Waiting): void {
    const { share, cost, item } = waiting;
    waiting.line?.delete(waiting);
    this.#waiting.delete(item.id);
    share.count -= 1;
    share.cost -= cost;
    // The queue is empty: reset all turns.
    if (this.size === 0) {
      this.#turn = 0;
      this.#shares.clear();
    }
  }

  #turnOf(share: Share | undefined): number {
    return Math.max(this.#turn, share?.turn ?? 0);
  }

  /** Shares that have had no more than the others need no memory. */
  #forgetPast(): void {
    for (const [name, { turn, count }] of this.#shares)
      if (count === 0 && turn <= this.#turn) this.#shares.delete(name);
    this.#mostShares = Math.max(MOST_SHARES, 2 * this.#shares.size);
  }

  /** Next of the level whose oldest item that fits has waited beyond the bound. Delayed ones had their turn. */
  #starving(nowMs: number, fits: Fits): Waiting | undefined {
    if (this.#bounds.levels === 1) return undefined;
    let oldest: Rank | undefined;
    let sinceMs = nowMs - this.#bounds.starvationMs;
    this.#ranks.forEach((rank, i) => {
      if (i % 2 === 0)
        for (const { first } of rank.values())
          if (first && first.item.queuedAtMs < sinceMs && fits(first.item))
            [oldest, sinceMs] = [rank, first.item.queuedAtMs];
    });
    return oldest && nextOf(oldest, fits);
  }

  #foremost(fits: Fits): Waiting | undefined {
    for (const rank of this.#ranks) {
      const next = nextOf(rank, fits);
      if (next) return next;
    }
    return undefined;
  }
}

/** Of the share that has had least; of equal ones the item that came first. */
function nextOf(rank: Rank, fits: Fits): Waiting | undefined {
  let next: Waiting | undefined;
  for (const { first } of rank.values()) if (first && isBefore(first, next) && fits(first.item)) next = first;
  return next;
}

function isBefore(one: Waiting, other: Waiting | undefined): boolean {
  if (!other) return true;
  const difference = one.share.turn - other.share.turn;
  return difference < 0 || (difference === 0 && one.item.id < other.item.id);
}
