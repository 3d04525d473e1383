import type { DecodeCost } from '@headgate/contracts/image/decode-cost';
import type { Item } from './item.ts';

/**
 * Work that one decode thread is given ahead. An item waits so long at the most behind others that were there before;
 * it is what a batch of eight phone photos takes, and a run of the model for them.
 */
export const AHEAD_WORK = 50;

/** Memory for decodes of one engine, in bytes; a single item may take more. */
const MEMORY_BYTES = 384 * 2 ** 20;

/** An item that takes a thread for longer than others may wait. */
export function isHeavy({ work }: DecodeCost): boolean {
  return work > AHEAD_WORK;
}

/** Decodes handed to one engine and not yet finished. A decode that has begun goes on when its caller leaves. */
export class Decoding {
  readonly threads: number;
  readonly #items = new Map<number, Item>();
  #heavy = 0;
  #lightWork = 0;
  #memoryBytes = 0;

  /** @param threads at least 1 */
  constructor(threads: number) {
    this.threads = threads;
  }

  /** Threads that heavy items take. */
  get heavy(): number {
    return this.#heavy;
  }

  /** Work that a light item finds in front of it, per thread that takes light ones. */
  get workAhead(): number {
    return this.#lightWork / this.#lightThreads;
  }

  /** Whether an item may be handed over now. */
  accepts(cost: DecodeCost): boolean {
    if (this.#items.size > 0 && this.#memoryBytes + cost.memoryBytes > MEMORY_BYTES) return false;
    if (isHeavy(cost)) return this.#heavy < this.threads;
    return this.#lightWork === 0 || this.workAhead + cost.work / this.#lightThreads <= AHEAD_WORK;
  }

  begin(item: Item): void {
    this.#items.set(item.id, item);
    this.#count(item.cost, 1);
  }

  /** @returns the item; undefined when it has ended before */
  end(id: number): Item | undefined {
    const item = this.#items.get(id);
    if (!item) return undefined;
    this.#items.delete(id);
    this.#count(item.cost, -1);
    return item;
  }

  /** An engine has one thread more than these: heavy items always leave one. */
  get #lightThreads(): number {
    return Math.min(this.threads, this.threads + 1 - this.#heavy);
  }

  #count(cost: DecodeCost, sign: 1 | -1): void {
    if (isHeavy(cost)) this.#heavy += sign;
    else this.#lightWork += sign * cost.work;
    this.#memoryBytes += sign * cost.memoryBytes;
    // No rest of rounding keeps an idle engine from its next item.
    if (this.#items.size === 0) this.#lightWork = 0;
  }
}
