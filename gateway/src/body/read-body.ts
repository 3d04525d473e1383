import { HeadgateError } from '@headgate/contracts/errors';
import type { Deadline } from '../deadline.ts';
import { type Pace, watchUpload } from './pace.ts';

/** Limits of a body in size and time. */
export interface BodyBounds {
  /** Largest body in bytes. */
  readonly maxBytes: number;
  /** What Content-Length announces; 0 when it announces nothing. */
  readonly declaredBytes: number;
  /** Of the request: the body must have arrived by then. */
  readonly deadline: Deadline;
  /** Called when the body needs so many bytes of memory in all. @throws HeadgateError when they are not to be had */
  readonly holdBytes: (total: number) => void;
  /** Absent = `PACE`. */
  readonly pace?: Pace;
}

/**
 * Reads the whole body of a request into one block. The bytes are counted as they come: Content-Length may be
 * absent, and may lie.
 *
 * @param env what the host passed as second argument of `app.fetch`
 * @throws HeadgateError empty_body, body_too_large, upload_timeout, why the deadline is over, or what `holdBytes` throws
 */
export type ReadBody = (request: Request, env: unknown, bounds: BodyBounds) => Promise<Uint8Array>;

export function tooLarge(maxBytes: number): HeadgateError {
  return new HeadgateError(
    'body_too_large',
    `A body may have at most ${maxBytes} bytes; send a smaller image, or fewer in one request.`,
  );
}

export function emptyBody(): HeadgateError {
  return new HeadgateError('empty_body', 'The body is empty.');
}

export function brokenBody(cause: unknown): HeadgateError {
  return new HeadgateError('cancelled', 'The connection broke while the body was sent.', { cause });
}

/** First allocation when the final length is unknown. */
const START_BYTES = 64 * 1024;

/**
 * Joins chunks into one block. What arrives in one piece is not copied; otherwise each byte is copied once when the
 * length was announced, and the block grows by doubling when it was not, however small the chunks are.
 */
export class ByteSink {
  #block = new Uint8Array(0);
  #length = 0;
  readonly #expectedBytes: number;

  /** @param expectedBytes announced length; 0 when unknown */
  constructor(expectedBytes: number) {
    this.#expectedBytes = expectedBytes;
  }

  get length(): number {
    return this.#length;
  }

  append(chunk: Uint8Array<ArrayBuffer>): void {
    const end = this.#length + chunk.byteLength;
    if (this.#length === 0) {
      this.#block = chunk;
    } else {
      if (end > this.#block.byteLength) this.#grow(end);
      this.#block.set(chunk, this.#length);
    }
    this.#length = end;
  }

  /** Everything so far, as a view. */
  bytes(): Uint8Array {
    return this.#block.subarray(0, this.#length);
  }

  #grow(neededBytes: number): void {
    const target =
      neededBytes <= this.#expectedBytes ? this.#expectedBytes : Math.max(2 * neededBytes, START_BYTES);
    const grown = new Uint8Array(target);
    grown.set(this.bytes());
    this.#block = grown;
  }
}

/** Reads a body on any fetch host. */
export const readBody: ReadBody = async (request, _env, bounds) => {
  const { maxBytes, declaredBytes, holdBytes } = bounds;
  if (request.body === null) throw emptyBody();
  const sink = new ByteSink(declaredBytes);
  using body = stoppable(request.body, bounds, () => sink.length);
  for (;;) {
    const chunk = await body.next();
    if (chunk === undefined) break;
    const bytes = sink.length + chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    holdBytes(bytes);
    sink.append(chunk);
  }
  if (sink.length === 0) throw emptyBody();
  return sink.bytes();
};

interface StoppableBody extends Disposable {
  /** The next chunk; undefined at the end. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** A body that is read until its time is up or the request is over; disposal discards the rest. */
function stoppable(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  bounds: BodyBounds,
  arrivedBytes: () => number,
): StoppableBody {
  const reader = stream.getReader();
  let stopped: HeadgateError | undefined;
  let ended = false;
  // Cancelling settles a read that is pending. It fails when the stream is broken already, which is as good.
  const letGo = () => void reader.cancel().catch(() => undefined);
  const upload = watchUpload(bounds, arrivedBytes, (why) => {
    stopped ??= why;
    letGo();
  });
  return {
    async next() {
      try {
        const { done, value } = await reader.read();
        if (stopped) throw stopped;
        ended = done;
        return value;
      } catch (cause) {
        throw stopped ?? brokenBody(cause);
      }
    },
    [Symbol.dispose]() {
      upload[Symbol.dispose]();
      if (!ended) letGo();
    },
  };
}
