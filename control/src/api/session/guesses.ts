import type { Clock } from '@headgate/runtime/clock';

const WINDOW_MS = 60_000;
const PER_ADDRESS = 10;
/** Bounds the addresses that are remembered, too. */
const OVERALL = 100;

/**
 * Counts wrong credentials, by address and overall, in windows of a minute. A right one is let in also after many wrong
 * ones: behind a port-forward all callers have one address, and no number of guesses finds 256 bits.
 */
export class Guesses {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #byAddress = new Map<string, number>();
  #overall = 0;
  #endsMs = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Counts one. @returns after how long to try again, in ms; 0 while that is not limited */
  charge(address: string): number {
    const now = this.#clock.monotonicMs();
    if (now >= this.#endsMs) {
      this.#byAddress = new Map();
      this.#overall = 0;
      this.#endsMs = now + WINDOW_MS;
    }
    const before = this.#byAddress.get(address) ?? 0;
    if (before >= PER_ADDRESS || this.#overall >= OVERALL) return this.#endsMs - now;
    this.#byAddress.set(address, before + 1);
    this.#overall += 1;
    return 0;
  }
}
