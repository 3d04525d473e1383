import type { Item } from './item.ts';

export interface BatchPolicy {
  /** Most items in one run; at least 1. */
  readonly maxBatchSize: number;
  /** How long an idle engine waits for company, counted from the arrival of its oldest decoded item, in ms. */
  readonly maxQueueDelayMs: number;
}

/**
 * Why a batch left: it was full, the engine was idle and no delay is granted, its oldest item had waited for the
 * granted delay, or it left before that because a member would have missed its deadline.
 */
export type ReleaseReason = 'full' | 'idle' | 'delay' | 'deadline';

export interface Batch {
  readonly members: readonly Member[];
  readonly reason: ReleaseReason;
}

export interface Member {
  readonly item: Item;
  readonly decodeMs: number;
}

/**
 * The next batch of one engine, as it gathers: items that were handed to the engine, decoding or decoded, at most
 * one batch ahead of the run.
 */
export class Gathering {
  readonly #policy: BatchPolicy;
  readonly #decoding = new Map<number, Item>();
  /** In the order in which they became ready. */
  readonly #decoded = new Map<number, Member>();

  constructor(policy: BatchPolicy) {
    this.#policy = policy;
  }

  get size(): number {
    return this.#decoding.size + this.#decoded.size;
  }

  get isFull(): boolean {
    return this.size >= this.#policy.maxBatchSize;
  }

  /** @throws RangeError when a whole batch has gathered already */
  add(item: Item): void {
    if (this.isFull) throw new RangeError('a whole batch has gathered already');
    this.#decoding.set(item.id, item);
  }

  /** @returns false when the item left before */
  markDecoded(id: number, decodeMs: number): boolean {
    const item = this.#decoding.get(id);
    if (!item) return false;
    this.#decoding.delete(id);
    this.#decoded.set(id, { item, decodeMs });
    return true;
  }

  /** @returns the item, unless it is not here */
  remove(id: number): Item | undefined {
    const item = this.#decoding.get(id) ?? this.#decoded.get(id)?.item;
    this.#decoding.delete(id);
    this.#decoded.delete(id);
    return item;
  }

  /** All that gathered: first what is decoded, then what still decodes, each in the order in which it came. */
  items(): Item[] {
    return [...[...this.#decoded.values()].map(({ item }) => item), ...this.#decoding.values()];
  }

  /** All that gathered, whatever its state; the gathering is empty afterwards. */
  clear(): Item[] {
    const items = this.items();
    this.#decoding.clear();
    this.#decoded.clear();
    return items;
  }

  /**
   * Takes out decoded members that would be answered too late and only slow the others down, so that as many as
   * possible are in time: a smaller batch ends sooner. One whose deadline has not passed always stays, since an idle
   * engine has nothing better to do, and its run tells how long runs take now.
   *
   * @param runMs how long a run of so many items takes at least
   */
  dropHopeless(nowMs: number, runMs: (batchSize: number) => number): Item[] {
    const isLate = ({ item: { deadlineAtMs } }: Member, size: number) =>
      deadlineAtMs <= nowMs || (size > 1 && deadlineAtMs < nowMs + runMs(size));
    const members = [...this.#decoded.values()];
    if (!members.some((member) => isLate(member, members.length))) return [];
    members.sort((a, b) => b.item.deadlineAtMs - a.item.deadlineAtMs);
    let kept = members.length;
    while (kept > 0 && isLate(members[kept - 1] as Member, kept)) kept -= 1;
    const dropped = members.slice(kept).map(({ item }) => item);
    for (const { id } of dropped) this.#decoded.delete(id);
    return dropped;
  }

  /**
   * What an idle engine should do now (decision 0003): run what is decoded, without waiting for what still decodes;
   * or wait, when the policy grants a delay that has not passed and no member's deadline forbids it.
   *
   * @param answerMs how long before a deadline a batch of so many items must start, so that its answers are in time
   * @returns the batch, which leaves the gathering; or the ms to wait; or undefined when nothing is decoded
   */
  release(
    nowMs: number,
    answerMs: (batchSize: number) => number,
  ): Batch | { readonly waitMs: number } | undefined {
    const { maxBatchSize, maxQueueDelayMs } = this.#policy;
    const size = this.#decoded.size;
    if (size === 0) return undefined;
    if (size >= maxBatchSize) return this.#take('full');
    if (maxQueueDelayMs === 0) return this.#take('idle');
    const { oldestMs, urgentMs } = this.#times();
    const delayEndsMs = oldestMs + maxQueueDelayMs;
    const waitMs = Math.min(delayEndsMs, urgentMs - answerMs(size)) - nowMs;
    if (waitMs > 0) return { waitMs };
    return this.#take(delayEndsMs <= nowMs ? 'delay' : 'deadline');
  }

  #take(reason: ReleaseReason): Batch {
    const members = [...this.#decoded.values()];
    this.#decoded.clear();
    return { members, reason };
  }

  /** Earliest arrival and earliest deadline among what is decoded. */
  #times(): { readonly oldestMs: number; readonly urgentMs: number } {
    let oldestMs = Number.POSITIVE_INFINITY;
    let urgentMs = Number.POSITIVE_INFINITY;
    for (const { item } of this.#decoded.values()) {
      oldestMs = Math.min(oldestMs, item.queuedAtMs);
      urgentMs = Math.min(urgentMs, item.deadlineAtMs);
    }
    return { oldestMs, urgentMs };
  }
}
