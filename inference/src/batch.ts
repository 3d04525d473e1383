import type { Item } from './item.ts';

export interface BatchPolicy {
  /** Most items in one run; at least 1. */
  readonly maxBatchSize: number;
  /** How long an idle engine waits for company, counted from the arrival of its oldest decoded item, in ms. */
  readonly maxQueueDelayMs: number;
}

/** Why a batch left: it was full, its oldest item had waited long enough, or nothing was worth waiting for. */
export type ReleaseReason = 'full' | 'delay' | 'idle';

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

  /** All that gathered, whatever its state; the gathering is empty afterwards. */
  clear(): Item[] {
    const items = [...this.#decoding.values(), ...[...this.#decoded.values()].map(({ item }) => item)];
    this.#decoding.clear();
    this.#decoded.clear();
    return items;
  }

  /**
   * What an idle engine should do now (decision D3): run what is decoded, without waiting for what still decodes;
   * or wait, when the policy grants a delay that has not passed.
   *
   * @returns the batch, which leaves the gathering; or the ms to wait; or undefined when nothing is decoded
   */
  release(nowMs: number): Batch | { readonly waitMs: number } | undefined {
    const { maxBatchSize, maxQueueDelayMs } = this.#policy;
    if (this.#decoded.size === 0) return undefined;
    const full = this.#decoded.size >= maxBatchSize;
    const waitMs = full ? 0 : this.#oldestArrivalMs() + maxQueueDelayMs - nowMs;
    if (waitMs > 0) return { waitMs };
    const members = [...this.#decoded.values()];
    this.#decoded.clear();
    return { members, reason: full ? 'full' : maxQueueDelayMs > 0 ? 'delay' : 'idle' };
  }

  #oldestArrivalMs(): number {
    return Math.min(...[...this.#decoded.values()].map(({ item }) => item.queuedAtMs));
  }
}
