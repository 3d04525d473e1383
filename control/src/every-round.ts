const ROUND_MS = 1000;

/** Runs one round after the other, each second or every `everyMs`. The pause counts from the start of a round, which must not throw. */
export function everyRound(round: () => Promise<void>, everyMs = ROUND_MS): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  let isStopped = false;
  const begin = () => {
    running = run();
  };
  const run = async () => {
    const startedMs = performance.now();
    await round();
    if (isStopped) return;
    timer = setTimeout(begin, Math.max(0, everyMs - (performance.now() - startedMs)));
  };
  timer = setTimeout(begin, 0);
  return {
    /** Ends after the round that runs. */
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}
