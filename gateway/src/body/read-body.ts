import { HeadgateError } from '@headgate/contracts/errors';
import { ByteSink } from './byte-sink.ts';

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
 * @throws HeadgateError empty_body, body_too_large, upload_timeout, or the reason of the signal
 */
export async function readBody(request: Request, bounds: BodyBounds): Promise<Uint8Array> {
  const { maxBytes, declaredBytes } = bounds;
  if (request.body === null) throw emptyBody();
  const sink = new ByteSink(declaredBytes);
  using body = stoppable(request.body, bounds);
  for (;;) {
    const chunk = await body.next();
    if (chunk === undefined) break;
    if (sink.length + chunk.byteLength > maxBytes) throw tooLarge(maxBytes);
    sink.append(chunk);
  }
  if (sink.length === 0) throw emptyBody();
  return sink.bytes();
}

interface StoppableBody extends Disposable {
  /** The next chunk; undefined at the end. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** A body whose reading ends when its time is up or the signal says so; what is left of it is let go of at disposal. */
function stoppable(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  { uploadMs, signal }: BodyBounds,
): StoppableBody {
  const reader = stream.getReader();
  let stopped: HeadgateError | undefined;
  let ended = false;
  // Cancelling settles a read that is pending. It fails when the stream is broken already, which is as good.
  const letGo = () => void reader.cancel().catch(() => undefined);
  const stop = (why: HeadgateError) => {
    stopped ??= why;
    letGo();
  };
  // A deadline that passes during the upload is the upload's fault.
  const onAbort = () => stop(signal.reason.reason === 'cancelled' ? signal.reason : uploadTimeout());
  const timer = setTimeout(() => stop(uploadTimeout()), uploadMs);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    async next() {
      try {
        const { done, value } = await reader.read();
        if (stopped) throw stopped;
        ended = done;
        return value;
      } catch (cause) {
        throw (
          stopped ??
          new HeadgateError('cancelled', 'The connection broke while the body was sent.', { cause })
        );
      }
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (!ended) letGo();
    },
  };
}

function tooLarge(maxBytes: number): HeadgateError {
  return new HeadgateError('body_too_large', `A body may have at most ${maxBytes} bytes.`);
}

function emptyBody(): HeadgateError {
  return new HeadgateError('empty_body', 'The body is empty; send an image.');
}

function uploadTimeout(): HeadgateError {
  return new HeadgateError(
    'upload_timeout',
    'The body did not arrive in time; send it faster or make it smaller.',
  );
}
