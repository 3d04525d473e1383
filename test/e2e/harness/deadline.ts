import { setTimeout as pause } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for, for the message when it does not come. */
  readonly what: string;
  /** Longest wait, in ms. */
  readonly withinMs: number;
  /** Pause between two looks, in ms. */
  readonly everyMs?: number;
}

/**
 * Looks again and again until `look` gives something other than undefined or false. A look that throws counts
 * as "not yet"; its error is the cause of the final one.
 *
 * @throws Error after `withinMs`
 */
export async function eventually<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { what, withinMs, everyMs = 50 }: WaitOptions,
): Promise<T> {
  const end = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= end) throw new Error(`${what}: not within ${withinMs} ms`, { cause });
    await pause(everyMs);
  }
}

/** `promise`, or an error once `withinMs` have passed. For waits that have no signal of their own. */
export async function within<T>(promise: Promise<T>, { what, withinMs }: WaitOptions): Promise<T> {
  const late = new AbortController();
  const timeout = pause(withinMs, undefined, { signal: late.signal }).then(() => {
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
