import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** Named in the error when it does not come. */
  readonly what: string;
  /** Longest wait, in ms. */
  readonly withinMs: number;
  /** Pause between two looks, in ms. */
  readonly everyMs?: number;
}

const WITHIN_MS = 15_000;

/**
 * Looks again and again until `look` gives something other than undefined, null or false. A look that throws counts
 * as "not yet"; its error is the cause of the final one.
 *
 * @param options a text: what is waited for, for at most 15 s
 * @throws Error when the time is over
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  options: string | WaitOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const {
    what,
    withinMs,
    everyMs = 20,
  } = typeof options === 'string' ? { what: options, withinMs: WITHIN_MS } : options;
  const end = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false)
        return seen as Exclude<T, undefined | null | false>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= end) throw new Error(`${what}: not within ${withinMs} ms`, { cause });
    await sleep(everyMs);
  }
}

/** `promise`, or an error once `withinMs` have passed. For waits that have no signal of their own. */
export async function within<T>(promise: Promise<T>, { what, withinMs }: WaitOptions): Promise<T> {
  const late = new AbortController();
  const timeout = sleep(withinMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${what}: not within ${withinMs} ms`);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    late.abort();
    timeout.catch(() => {});
  }
}

/** Seconds since `startMs` of the monotonic clock, as a test prints them. */
export function secondsSince(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(2)} s`;
}
