/** Time as the pipeline sees it, so that tests can hold it still. */
export interface Clock {
  /** Monotonic, in ms, from an arbitrary origin. */
  now(): number;
  /** Calls `fn` once after `delayMs`; the function that comes back cancels it. */
  after(delayMs: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs);
    return () => clearTimeout(timer);
  },
};
