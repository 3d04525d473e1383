/** Why something is not granted: the caller holds its share, or nothing is left for anybody. */
export type Shortage = 'share' | 'all';

/**
 * A resource of which all callers hold parts. Each may hold as much as is free: a lone caller half of everything, each
 * of n greedy ones 1/(n+1). So there is always something free for a caller that holds nothing, and a caller that is
 * alone is not slowed down. (Choudhury and Hahne, dynamic queue length thresholds, 1998.)
 */
export class Shares {
  readonly total: number;
  #taken = 0;
  readonly #held = new Map<string, number>();

  constructor(total: number) {
    this.total = total;
  }

  get free(): number {
    return this.total - this.#taken;
  }

  /** Takes the amount whole, or says why not and takes nothing. */
  take(caller: string, amount: number): Shortage | undefined {
    const held = this.heldBy(caller);
    if (amount > this.free) return 'all';
    if (held + amount > this.free) return 'share';
    this.#held.set(caller, held + amount);
    this.#taken += amount;
    return undefined;
  }

  /** Gives back what was taken. */
  give(caller: string, amount: number): void {
    const left = this.heldBy(caller) - amount;
    // Callers that hold nothing leave no trace: their number is not bounded.
    if (left > 0) this.#held.set(caller, left);
    else this.#held.delete(caller);
    this.#taken -= amount;
  }

  heldBy(caller: string): number {
    return this.#held.get(caller) ?? 0;
  }
}
