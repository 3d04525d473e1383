import type { TimerClock } from '@headgate/runtime/clock';
import { AdminError, type ApiLayer } from '../api-env.ts';

/** As long as PostgreSQL may take for a statement. The command line waits a little longer, to read the refusal. */
const READ_MS = 60_000;

/**
 * Bounds reads, and tells them by `signal` to stop, also when their caller has left. A change is answered when it is done:
 * each thing that it waits for has a timeout of its own. A stream of events has been answered once it has begun.
 */
export function deadline(clock: Pick<TimerClock, 'after'>): ApiLayer {
  return async function deadline(c, next) {
    if (!['GET', 'HEAD'].includes(c.req.method)) return next();
    const stop = new AbortController();
    const stopped = Promise.withResolvers<never>();
    const end = () => {
      const refusal = new AdminError('store_unavailable', 'No answer within 60 s; ask again.');
      stop.abort(refusal);
      stopped.reject(refusal);
    };
    const { signal: caller } = c.req.raw;
    caller.addEventListener('abort', end);
    const cancel = clock.after(READ_MS, end);
    c.set('signal', stop.signal);
    try {
      await Promise.race([next(), stopped.promise]);
    } finally {
      cancel();
      caller.removeEventListener('abort', end);
    }
  };
}
