import type { IncomingMessage } from 'node:http';
import type { HeadgateError } from '@headgate/contracts/errors';
import type { NodeEnv } from '../hand-over.ts';
import { brokenBy } from './broken.ts';
import { watchUpload } from './pace.ts';
import { type BodyBounds, ByteSink, brokenBody, emptyBody, type ReadBody, tooLarge } from './read-body.ts';

/**
 * Reads a body on Node, where the request's own stream is at hand: without a Web stream around it a request costs
 * a fifth less. What is not read is left to the server adaptor, which drains or cuts it after the answer.
 */
export const readIncoming: ReadBody = async (_request, env, bounds) => {
  const { incoming, heldBody } = env as Pick<NodeEnv, 'incoming' | 'heldBody'>;
  heldBody?.invite();
  const sink = new ByteSink(bounds.declaredBytes);
  await takeIncoming(incoming, bounds, (chunk) => sink.append(chunk));
  if (sink.length === 0) throw emptyBody();
  return sink.bytes();
};

function takeIncoming(
  incoming: IncomingMessage,
  bounds: BodyBounds,
  take: (chunk: Buffer<ArrayBuffer>) => void,
): Promise<void> {
  const { maxBytes, holdBytes } = bounds;
  let takenBytes = 0;
  return new Promise((resolve, reject) => {
    const leave = () => {
      upload[Symbol.dispose]();
      incoming.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken).pause();
    };
    const refuse = (why: HeadgateError) => {
      leave();
      reject(why);
    };
    const onData = (chunk: Buffer<ArrayBuffer>) => {
      takenBytes += chunk.byteLength;
      try {
        if (takenBytes > maxBytes) throw tooLarge(maxBytes);
        holdBytes(takenBytes);
        take(chunk);
      } catch (why) {
        refuse(why as HeadgateError);
      }
    };
    const onEnd = () => {
      leave();
      resolve();
    };
    const onBroken = (cause?: Error) => refuse(brokenBy(incoming) ?? brokenBody(cause));

    incoming.on('data', onData).once('end', onEnd).once('error', onBroken).once('close', onBroken);
    const upload = watchUpload(
      bounds,
      () => takenBytes,
      (why) => queueMicrotask(() => refuse(why)),
    );
    if (brokenBy(incoming)) onBroken();
  });
}
