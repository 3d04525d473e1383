import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { HeadgateError, problemBody } from '@headgate/contracts/errors';
import { HEADER, PROTECTIVE_HEADERS } from '@headgate/contracts/names';

const PROTECTIVE = Object.entries(PROTECTIVE_HEADERS).map(([name, value]) => `${name}: ${value}`);

/** Told of what was refused before it was a request, with the id that its answer has. */
export type OnUnreadable = (refusal: HeadgateError, requestId: string) => void;

/**
 * Answers what Node's HTTP parser refuses, so that no request reaches the app, with the same problem body as the
 * app's own errors, and closes the connection. Is called for `clientError` of the server.
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  onUnreadable: OnUnreadable,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(error.code);
  const requestId = randomUUID();
  onUnreadable(refusal, requestId);
  const body = JSON.stringify(problemBody(refusal, requestId));
  const head = [
    `HTTP/1.1 ${refusal.httpStatus} ${STATUS_CODES[refusal.httpStatus]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `${HEADER.requestId}: ${requestId}`,
    ...PROTECTIVE,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function refusalOf(code: string | undefined): HeadgateError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HeadgateError(
        'headers_too_large',
        'The request headers are too large; send fewer or shorter ones.',
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HeadgateError('upload_timeout', 'The request did not arrive in time.');
    default:
      return new HeadgateError('invalid_request', 'What arrived is not a valid HTTP/1.1 request.');
  }
}
