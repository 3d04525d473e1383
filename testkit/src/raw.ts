import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { within } from './eventually.ts';
import type { Answer, Headers } from './http.ts';

/** One HTTP/1.1 connection on which a test writes raw bytes: slow, malformed, unfinished. */
export interface RawConnection extends AsyncDisposable {
  /** Waits until the kernel has accepted the bytes, or the connection is closed. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Bytes sent so far. */
  sentBytes(): number;
  /** The next answer; undefined when the peer closed before it was complete. */
  answer(withinMs?: number): Promise<Answer | undefined>;
  close(): void;
}

export interface RawOptions {
  /** CA file for https. */
  readonly caFile?: string | null;
  /** Address to connect from. */
  readonly localAddress?: string;
}

const ANSWER_WITHIN_MS = 15_000;

/** @param origin URL, or a port of this machine that speaks plain HTTP */
export async function rawConnection(
  origin: string | number,
  options: RawOptions = {},
): Promise<RawConnection> {
  const { caFile, localAddress } = options;
  const { protocol, port } = new URL(typeof origin === 'number' ? `http://127.0.0.1:${origin}` : origin);
  // An address and not a name: `localAddress` must be of the same family.
  const target = { host: '127.0.0.1', port: Number(port), ...(localAddress && { localAddress }) };
  const isTls = protocol === 'https:';
  const ca = caFile ? { ca: readFileSync(caFile) } : {};
  const socket: Socket = isTls
    ? connectTls({ ...target, servername: 'localhost', ALPNProtocols: ['http/1.1'], ...ca })
    : connectTcp(target);
  await once(socket, isTls ? 'secureConnect' : 'connect', { signal: AbortSignal.timeout(5_000) });
  // A peer that answers early may reset the connection; the bytes read before that count.
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const received = receive(socket);
  let sent = 0;
  return {
    sentBytes: () => sent,
    write: async (bytes) => {
      if (socket.destroyed || !socket.writable) return;
      // A peer that has answered may stop reading; its close ends the wait.
      await Promise.race([closed, new Promise<void>((resolve) => socket.write(bytes, () => resolve()))]);
      sent += Buffer.byteLength(bytes);
    },
    answer: (withinMs = ANSWER_WITHIN_MS) => within(received.next(), { what: 'an HTTP answer', withinMs }),
    close: () => socket.destroy(),
    [Symbol.asyncDispose]: async () => void socket.destroy(),
  };
}

/** The head of a request in wire format. */
export function requestHead(method: string, path: string, headers: Headers): string {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** One chunk of a chunked body; an empty one ends it. */
export function chunk(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

function receive(socket: Socket): { next(): Promise<Answer | undefined> } {
  let buffer = Buffer.alloc(0);
  let ended = false;
  let wake = () => {};
  socket.on('data', (data: Buffer) => {
    buffer = Buffer.concat([buffer, data]);
    wake();
  });
  socket.on('close', () => {
    ended = true;
    wake();
  });
  return {
    async next() {
      for (;;) {
        const parsed = parseAnswer(buffer);
        if (parsed) {
          buffer = buffer.subarray(parsed.end);
          return parsed.answer;
        }
        if (ended) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** A complete answer at the start of `buffer`, or undefined while bytes are missing. */
function parseAnswer(buffer: Buffer): { readonly answer: Answer; readonly end: number } | undefined {
  const bodyAt = buffer.indexOf('\r\n\r\n') + 4;
  if (bodyAt < 4) return undefined;
  const [statusLine = '', ...lines] = buffer.toString('latin1', 0, bodyAt - 4).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = bodyAfter(buffer, bodyAt, headers);
  if (!body) return undefined;
  const { bytes, end } = body;
  return {
    answer: { status: Number(statusLine.split(' ')[1]), headers, text: bytes.toString(), bytes },
    end,
  };
}

function bodyAfter(buffer: Buffer, at: number, headers: Headers): { bytes: Buffer; end: number } | undefined {
  if (headers['transfer-encoding'] === 'chunked') return unchunk(buffer, at);
  const end = at + Number(headers['content-length'] ?? 0);
  return buffer.length < end ? undefined : { bytes: buffer.subarray(at, end), end };
}

function unchunk(buffer: Buffer, from: number): { bytes: Buffer; end: number } | undefined {
  const pieces: Buffer[] = [];
  for (let at = from; ; ) {
    const lineEnd = buffer.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(buffer.toString('latin1', at, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (buffer.length < end + 2) return undefined;
    if (size === 0) return { bytes: Buffer.concat(pieces), end: end + 2 };
    pieces.push(buffer.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}
