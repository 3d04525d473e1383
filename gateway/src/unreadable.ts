import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HeadgateError } from '@headgate/contracts/errors';

/** What Node's HTTP parser refuses, by the code of its error. */
export function refusalOf(code: string | undefined): HeadgateError {
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

/** Writes an answer where Node has no response object for it, and closes the connection. */
export async function endWith(socket: Socket, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const headers = [...response.headers].filter(([name]) => name !== 'connection');
  const lines = [...headers, ['content-length', String(body.byteLength)], ['connection', 'close']];
  const head = `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status]}\r\n`;
  socket.write(`${head}${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  socket.write(body);
  leave(socket);
}

/** A client that still sends reads its answer meanwhile; closed at once, the connection would be reset under it. In ms. */
const LEAVE_MS = 1000;

/** Ends the connection after what was written, whether the client goes on sending or not. */
export function leave(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LEAVE_MS);
  socket.once('close', () => clearTimeout(timer));
}
