/**
 * Settles as `work` does, or rejects with the signal's reason as soon as that is aborted. The work itself must watch
 * the signal too: this only makes sure that nobody waits for work that does not.
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    const release = () => signal.removeEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).then(release);
  });
}
