import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { HeadgateError } from '@headgate/contracts/errors';

/** Pieces of a body that may be small, and bytes that each further one must have on average. */
const FREE_PIECES = 1000;
const MEAN_BYTES = 64;

/**
 * Calls `refuse` once when a body arrives in so many small pieces that they cost more than its bytes: 5 MB/s of single
 * bytes would keep the event loop from everybody else. Counts all that arrives, read by the app or not.
 */
export function boundPieces(incoming: IncomingMessage, refuse: (why: HeadgateError) => void): void {
  let pieces = 0;
  let bytes = 0;
  const push = incoming.push.bind(incoming);
  incoming.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null) return push(chunk, encoding);
    pieces += 1;
    bytes += chunk.byteLength;
    if (bytes >= (pieces - FREE_PIECES) * MEAN_BYTES) return push(chunk, encoding);
    incoming.push = () => true;
    stopParser(incoming.socket);
    refuse(tooManyPieces());
    return true;
  };
}

/** Node's parser would go through all that the socket has read, piece by piece, also when the socket is closed. */
function stopParser(socket: Socket & { parser?: { pause?: () => void } | null }): void {
  socket.parser?.pause?.();
}

function tooManyPieces(): HeadgateError {
  return new HeadgateError(
    'invalid_request',
    `The body came in too many small pieces; send pieces of at least ${MEAN_BYTES} bytes.`,
  );
}
