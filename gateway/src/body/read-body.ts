import type { HeadgateError } from '@headgate/contracts/errors';
import { type BodyBounds, brokenBody, emptyBody, type ReadBody, tooLarge, watchUpload } from './bounds.ts';
import { ByteSink } from './byte-sink.ts';

/** Reads a body on any fetch host. */
export const readBody: ReadBody = async (request, _env, bounds) => {
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
};

interface StoppableBody extends Disposable {
  /** The next chunk; undefined at the end. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** A body whose reading ends when its time is up or the request is over; what is left of it is let go of at disposal. */
function stoppable(stream: ReadableStream<Uint8Array<ArrayBuffer>>, bounds: BodyBounds): StoppableBody {
  const reader = stream.getReader();
  let stopped: HeadgateError | undefined;
  let ended = false;
  // Cancelling settles a read that is pending. It fails when the stream is broken already, which is as good.
  const letGo = () => void reader.cancel().catch(() => undefined);
  const upload = watchUpload(bounds, (why) => {
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
