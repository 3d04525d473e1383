import { AdminError, type ApiLayer } from '../api-env.ts';

/** A policy with all its steps is a hundredth of it. */
const MAX_BYTES = 256 * 1024;

/** Bounds bodies by the length that they announce; Node cuts what is longer. All clients of JSON announce one. */
export function bodyLimit(): ApiLayer {
  return async function bodyLimit(c, next) {
    if (c.req.header('transfer-encoding') !== undefined) {
      throw new AdminError('invalid', 'A body needs a Content-Length.');
    }
    if (Number(c.req.header('content-length') ?? 0) > MAX_BYTES) {
      throw new AdminError('too_large', `A body has at most ${MAX_BYTES} bytes.`);
    }
    await next();
  };
}
