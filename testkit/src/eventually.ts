import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** Name of the awaited state, for the error message. */
  readonly what: string;
  /** Longest wait, in ms. */
  readonly withinMs: number;
  /** Pause between two calls, in ms. */
  readonly everyMs?: number;
}

const WITHIN_MS = 15_000;

/**
 * Calls `look` until it returns something other than undefined, null or false. An error of `look` means "not yet"; the
 * last one is the cause of the final error.
 *
 * @param options a text names what the test waits for, at most 15 s
 * @throws Error after `withinMs`
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

/** Result of `promise`, or an error after `withinMs`. For waits that take no signal. */
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

/** Seconds since `startMs` of the monotonic clock, for the output of a test. */
export function secondsSince(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(2)} s`;
}
