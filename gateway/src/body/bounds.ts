import { HeadgateError } from '@headgate/contracts/errors';

/** What a body may be, and when nobody waits for it any more. */
export interface BodyBounds {
  /** Largest body in bytes. */
  readonly maxBytes: number;
  /** What Content-Length announces; 0 when it announces nothing. */
  readonly declaredBytes: number;
  /** Time that is left for the body to arrive, in ms. */
  readonly uploadMs: number;
  /** Aborted, with a HeadgateError as its reason, when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * Reads the whole body of a request into one block. The bytes are counted as they come: Content-Length may be
 * absent, and may lie.
 *
 * @param env what the host passed as second argument of `app.fetch`
 * @throws HeadgateError empty_body, body_too_large, upload_timeout, or the reason of the signal
 */
export type ReadBody = (request: Request, env: unknown, bounds: BodyBounds) => Promise<Uint8Array>;

/**
 * Calls `stop` once, when the time for the upload is up or the signal is aborted, if that happens before disposal.
 * A deadline that passes during the upload is the upload's fault.
 */
export function watchUpload(
  { uploadMs, signal }: BodyBounds,
  stop: (why: HeadgateError) => void,
): Disposable {
  const onAbort = () => stop(signal.reason.reason === 'cancelled' ? signal.reason : uploadTimeout());
  const timer = setTimeout(() => stop(uploadTimeout()), uploadMs);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
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
