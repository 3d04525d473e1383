import { ok } from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

export interface Looks {
  /** Ends them; throws nothing. */
  stop(): Promise<void>;
  /**
   * How many succeeded.
   *
   * @throws AssertionError when they are too few to show that something never happened
   */
  enough(): number;
}

/** Share of looks that may fail: the API server is busy, a pod just ends. */
const MAY_FAIL = 0.2;
const FEWEST = 5;

/** Looks again and again at what must never happen; `look` notes what it sees. */
export function keepLooking(look: () => Promise<void>, everyMs: number): Looks {
  const stopping = new AbortController();
  let count = 0;
  let failed = 0;
  let last: unknown;
  const run = async () => {
    while (!stopping.signal.aborted) {
      try {
        await look();
        count += 1;
      } catch (error) {
        failed += 1;
        last = error;
      }
      await pause(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
    enough: () => {
      const all = count + failed;
      ok(
        count >= FEWEST && failed <= MAY_FAIL * all,
        `${failed} of ${all} looks failed; the last one: ${last}`,
      );
      return count;
    },
  };
}
