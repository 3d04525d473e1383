/** How long bytes that nobody waits for may stay in memory: a killed process loses that much at most. */
const PERIOD_MS = 100;

/** Asks for a call of `flush` within the period, together with all others; asking again before it changes nothing. */
export type WriteSoon = (flush: () => void) => void;

/** One timer for many writers, which runs only while one of them has something to write. */
export function createWriteSoon(periodMs = PERIOD_MS): WriteSoon {
  let due = new Set<() => void>();
  const run = () => {
    const flushes = due;
    due = new Set();
    for (const flush of flushes) flush();
  };
  return (flush) => {
    if (due.size === 0) setTimeout(run, periodMs).unref();
    due.add(flush);
  };
}

/** The timer of this process: its log lines, records and audit records are written in one turn. */
export const writeSoon = createWriteSoon();
