/** @typedef {'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'parent'} StopCause */

/** Repeats within this time come from one Ctrl-C: the terminal and npm both deliver it. */
const ONE_KEYPRESS_MS = 2000;
/** A killed parent sends no message, so its absence is polled at this interval. */
const PARENT_POLL_MS = 500;

/**
 * The used part of `process`; tests replace it.
 *
 * @typedef {Pick<NodeJS.Process, 'on' | 'once' | 'ppid' | 'channel' | 'env'>} Host
 */

/**
 * Listens for every way in which this process is asked to end: Ctrl-C, SIGTERM, a closed terminal, and a parent
 * that is gone. `stop` fires at the first request, `force` at a second request after two seconds.
 * The cause is the `reason` of both signals. Call once per process.
 *
 * @param {Host} [host]
 * @returns {{ stop: AbortSignal, force: AbortSignal }}
 */
export function stopRequests(host = process) {
  const stop = new AbortController();
  const force = new AbortController();
  let firstAt = 0;
  /** @param {StopCause} cause */
  const ask = (cause) => {
    if (!stop.signal.aborted) {
      firstAt = performance.now();
      stop.abort(cause);
    } else if (performance.now() - firstAt > ONE_KEYPRESS_MS) {
      force.abort(cause);
    }
  };
  host.on('SIGINT', () => ask('SIGINT'));
  host.on('SIGTERM', () => ask('SIGTERM'));
  host.on('SIGHUP', () => ask('SIGHUP'));
  onParentGone(host, () => stop.signal.aborted || ask('parent'));
  return { stop: stop.signal, force: force.signal };
}

/**
 * Calls back once the parent is gone: at once when it is a Node process that holds a channel to this one, by
 * polling when npm started this process. Started from a shell, a process may outlive its parent as usual.
 *
 * @param {Host} host
 * @param {() => void} callback
 */
function onParentGone(host, callback) {
  if (host.channel) {
    host.once('disconnect', callback);
    host.channel.unref();
  } else if (host.env.npm_lifecycle_event !== undefined) {
    const parent = host.ppid;
    const timer = setInterval(() => {
      if (host.ppid === parent) return;
      clearInterval(timer);
      callback();
    }, PARENT_POLL_MS);
    timer.unref();
  }
}

/**
 * The exit code that a shell expects of a program ended by `cause`.
 *
 * @param {unknown} cause
 */
export function exitCodeOf(cause) {
  const codes = new Map([
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ]);
  return codes.get(/** @type {string} */ (cause)) ?? 143;
}
