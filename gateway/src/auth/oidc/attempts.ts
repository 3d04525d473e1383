import type { TimerClock } from '@headgate/runtime/clock';

/**
 * Least pause between the starts of two attempts, in ms. Strangers can make a gateway ask its issuer at most once a
 * second, with tokens that name random keys. It is also what they can cost the bearer of a good token.
 */
export const PAUSE_MS = 1000;

/**
 * Attempts to load keys: one at a time, so that no late answer replaces a later one, and with a pause between them.
 *
 * @param attempt never rejects; false: it failed
 */
export function createAttempts(
  attempt: () => Promise<boolean>,
  clock: Pick<TimerClock, 'monotonicMs' | 'after'>,
) {
  let failed = false;
  let inFlight: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let startedAtMs = Number.NEGATIVE_INFINITY;

  const start = (): Promise<void> => {
    startedAtMs = clock.monotonicMs();
    inFlight = attempt().then((succeeded) => {
      failed = !succeeded;
      inFlight = undefined;
    });
    return inFlight;
  };
  const pauseMs = () => Math.max(0, startedAtMs + PAUSE_MS - clock.monotonicMs());

  /** Starts an attempt, unless one runs or ran a moment ago; never rejects. */
  const refresh = (): Promise<void> => inFlight ?? (pauseMs() > 0 ? Promise.resolve() : start());

  return {
    refresh,
    running: () => inFlight,
    /**
     * Waits for the attempt that runs, else for the next, which begins when the pause is over; all callers wait for the
     * same one. During the pause after an attempt that failed it returns at once.
     */
    next(): Promise<void> {
      if (next) return next;
      if (inFlight || pauseMs() === 0 || failed) return refresh();
      next = new Promise<void>((resolve) => clock.after(pauseMs(), resolve)).then(() => {
        next = undefined;
        return inFlight ?? start();
      });
      return next;
    },
  };
}
