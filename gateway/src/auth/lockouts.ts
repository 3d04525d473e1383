import type { Clock } from '@headgate/runtime/clock';

/** An attacker with many addresses shall not fill the memory: of more, the number is too low. */
const MAX_ADDRESSES = 100_000;

export type Lockouts = ReturnType<typeof createLockouts>;

/** Addresses that used up their wrong credentials here, until their windows end. */
export function createLockouts(clock: Pick<Clock, 'monotonicMs'>, maxAddresses = MAX_ADDRESSES) {
  const until = new Map<string, number>();
  return {
    /** Its wrong credentials are refused for this time from now, in ms. */
    note(address: string, forMs: number): void {
      if (until.size >= maxAddresses && !until.has(address)) return;
      until.set(address, clock.monotonicMs() + forMs);
    },
    /** How many are out now. */
    count(): number {
      const now = clock.monotonicMs();
      for (const [address, end] of until) if (end <= now) until.delete(address);
      return until.size;
    },
  };
}
