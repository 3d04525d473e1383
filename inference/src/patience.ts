import type { Clock } from './clock.ts';

export interface PatienceOptions {
  readonly clock: Clock;
  /** Monotonic, in ms. */
  readonly deadlineAtMs: number;
  /** Monotonic, in ms: how long it should wait for a run at most; Infinity if nobody says so. */
  readonly queueTimeoutAtMs: number;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
  readonly onQueueTimeout: () => void;
  readonly onDeadline: () => void;
  readonly onGone: () => void;
}

/**
 * Tells when the patience of an item's caller ends, on a timer of its own, whatever else goes on. One timer at a time,
 * since every item has one.
 *
 * @returns stops watching
 */
export function watchPatience(options: PatienceOptions): () => void {
  const { clock, deadlineAtMs, queueTimeoutAtMs, signal, onQueueTimeout, onDeadline, onGone } = options;
  let stopped = false;
  const at = (timeMs: number, fn: () => void) => clock.after(Math.max(0, timeMs - clock.now()), fn);
  let cancelTimer =
    queueTimeoutAtMs < deadlineAtMs
      ? at(queueTimeoutAtMs, () => {
          onQueueTimeout();
          if (!stopped) cancelTimer = at(deadlineAtMs, onDeadline);
        })
      : at(deadlineAtMs, onDeadline);
  signal.addEventListener('abort', onGone);
  return () => {
    stopped = true;
    cancelTimer();
    signal.removeEventListener('abort', onGone);
  };
}
