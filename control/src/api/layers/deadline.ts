import { AdminError, type ApiLayer } from '../api-env.ts';

/** Longer than each dependency's own timeout, which ends the work itself. */
const LIMIT_MS = 15_000;

/** Answers 503 when a route takes too long. A stream of events has been answered once it has begun. */
export function deadline(): ApiLayer {
  return async function deadline(_c, next) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const refusal = () => new AdminError('store_unavailable', 'No answer within 15 s; try again.');
      timer = setTimeout(() => reject(refusal()), LIMIT_MS);
    });
    try {
      await Promise.race([next(), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}
