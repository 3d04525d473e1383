import { HeadgateError } from '@headgate/contracts/errors';
import type { Deadline } from '../deadline.ts';

/** What a body may be, and when nobody waits for it any more. */
export interface BodyBounds {
  /** Largest body in bytes. */
  readonly maxBytes: number;
  /** What Content-Length announces; 0 when it announces nothing. */
  readonly declaredBytes: number;
  /** Time that is left for the body to arrive, in ms. */
  readonly uploadMs: number;
  /** When it is over, nobody waits for the answer any more. */
  readonly deadline: Deadline;
}

/**
 * Reads the whole body of a request into one block. The bytes are counted as they come: Content-Length may be
 * absent, and may lie.
 *
 * @param env what the host passed as second argument of `app.fetch`
 * @throws HeadgateError empty_body, body_too_large, upload_timeout, or why the deadline is over
 */
export type ReadBody = (request: Request, env: unknown, bounds: BodyBounds) => Promise<Uint8Array>;

/**
 * Calls `stop` once, when the time for the upload is up or the request is over, if that happens before disposal.
 * A deadline that passes during the upload is the upload's fault.
 */
export function watchUpload(
  { uploadMs, deadline }: BodyBounds,
  stop: (why: HeadgateError) => void,
): Disposable {
  const release = deadline.onOver((why) => stop(why.reason === 'cancelled' ? why : uploadTimeout()));
  const isSooner = uploadMs < deadline.remainingMs();
  const timer = isSooner ? setTimeout(() => stop(uploadTimeout()), uploadMs) : undefined;
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      release();
    },
  };
}

export function tooLarge(maxBytes: number): HeadgateError {
  return new HeadgateError('body_too_large', `A body may have at most ${maxBytes} bytes.`);
}

export function emptyBody(): HeadgateError {
  return new HeadgateError('empty_body', 'The body is empty.');
}

export function brokenBody(cause: unknown): HeadgateError {
  return new HeadgateError('cancelled', 'The connection broke while the body was sent.', { cause });
}

function uploadTimeout(): HeadgateError {
  return new HeadgateError(
    'upload_timeout',
    'The body did not arrive in time; send it faster or make it smaller.',
  );
}
