/** Monotonic and wall clock of the host; injected so that tests need not sleep. */
export interface Clock {
  /** Monotonic time in ms, for durations. */
  monotonicMs(): number;
  /** Wall clock in ms since the Unix epoch, for records and ids. */
  epochMs(): number;
}

/** A clock that also wakes up its callers. */
export interface TimerClock extends Clock {
  /** Calls `fn` once after `delayMs`; the function that comes back cancels it. */
  after(delayMs: number, fn: () => void): () => void;
}

/** A day of UTC, as computers count it. */
export const DAY_MS = 86_400_000;

/** A longer timer of the host would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The clock of any fetch host. */
export const systemClock: TimerClock = {
  monotonicMs: () => performance.now(),
  epochMs: () => Date.now(),
  after: (delayMs, fn) => {
    const timer = setTimeout(fn, Math.min(delayMs, MAX_DELAY_MS));
    return () => clearTimeout(timer);
  },
};

/** Until the time is over, or `signal` is aborted. */
export function pause(clock: TimerClock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
