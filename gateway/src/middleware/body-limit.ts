import { HeadgateError } from '@headgate/contracts/errors';
import type { Clock } from '@headgate/runtime/clock';
import type { BodyBounds, ReadBody } from '../body/read-body.ts';
import type { AppContext, Layer } from '../context.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface BodyLimitOptions {
  /** Largest body in bytes. */
  readonly body_bytes: number;
  /** A body must have arrived this long after its request entered, in ms. */
  readonly upload_ms: number;
  /** Requests that may be past this layer at once: each can hold a whole body. */
  readonly in_flight: number;
  /** How this host reads a body. */
  readonly readBody: ReadBody;
  readonly telemetry: Pick<Telemetry, 'bodyReceived'>;
  readonly clock: Clock;
}

/** When a slot is likely to be free again, in ms. */
const RETRY_AFTER_MS = 1000;

/**
 * Bounds what requests can hold: how many there are, how large a body is and how long it may take to arrive.
 * The body is read further in, by the route that wants one, through `readBody`.
 */
export function bodyLimit(options: BodyLimitOptions): Layer {
  const { body_bytes, upload_ms, in_flight, readBody, telemetry, clock } = options;
  let running = 0;

  const boundsOf = (c: AppContext): BodyBounds => ({
    maxBytes: body_bytes,
    declaredBytes: declaredBytes(c),
    uploadMs: Math.max(0, c.get('startedAtMs') + upload_ms - clock.monotonicMs()),
    deadline: c.get('deadline'),
  });

  const readBodyOf = async (c: AppContext) => {
    const body = await readBody(c.req.raw, c.env, boundsOf(c));
    telemetry.bodyReceived(body.byteLength);
    return body;
  };

  return async function bodyLimit(c, next) {
    if (declaredBytes(c) > body_bytes) {
      throw new HeadgateError('body_too_large', `A body may have at most ${body_bytes} bytes.`);
    }
    if (running >= in_flight) {
      throw new HeadgateError('overloaded', 'Too many requests are in progress.', {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    c.set('readBody', () => readBodyOf(c));
    running += 1;
    try {
      await next();
    } finally {
      running -= 1;
    }
  };
}

/** What Content-Length announces; 0 when it is absent or no number. */
function declaredBytes(c: AppContext): number {
  return Number(c.req.header('content-length')) || 0;
}
