import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { within } from '@headgate/testkit/eventually';
import type { Answer, Headers } from '@headgate/testkit/http';

/**
 * One HTTP/1.1 connection whose bytes a test writes itself: slow, lying, unfinished. Reads exactly one answer.
 */
export interface RawConnection {
  /** Writes and waits until the kernel has taken the bytes, or until the peer stopped reading. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Bytes handed over so far. */
  sentBytes(): number;
  /** The first answer; undefined when the peer closed without one. */
  answer(withinMs: number): Promise<Answer | undefined>;
  /** Ends our sending side only. */
  finish(): void;
  close(): void;
}

export interface RawOptions {
  /** CA file for https. */
  readonly caFile?: string | null;
  /** Address to connect from. */
  readonly localAddress?: string;
}

export async function rawConnection(origin: string, options: RawOptions = {}): Promise<RawConnection> {
  const { caFile, localAddress } = options;
  const { protocol, port } = new URL(origin);
  // By address, so that `localAddress` is of the same family.
  const target = { host: '127.0.0.1', port: Number(port), ...(localAddress ? { localAddress } : {}) };
  const socket: Socket =
    protocol === 'https:'
      ? connectTls({ ...target, servername: 'localhost', ALPNProtocols: ['http/1.1'], ...ca(caFile) })
      : connectTcp(target);
  const ready = protocol === 'https:' ? 'secureConnect' : 'connect';
  const received = firstAnswer(socket);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await within(new Promise((resolve, reject) => socket.once(ready, resolve).once('error', reject)), {
    what: 'a connection',
    withinMs: 5_000,
  });
  let sent = 0;
  return {
    sentBytes: () => sent,
    write: async (bytes) => {
      if (socket.destroyed || !socket.writable) return;
      // A peer that has answered may stop reading: its close ends the wait.
      await Promise.race([closed, new Promise<void>((resolve) => socket.write(bytes, () => resolve()))]);
      sent += Buffer.byteLength(bytes);
    },
    answer: (withinMs) => within(received, { what: 'an HTTP answer', withinMs }),
    finish: () => socket.end(),
    close: () => socket.destroy(),
  };
}

function ca(caFile: string | null | undefined): { ca?: Buffer } {
  return caFile ? { ca: readFileSync(caFile) } : {};
}

/** The head of a request as it goes over the wire. */
export function requestHead(method: string, path: string, headers: Headers): string {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** One chunk of a chunked body; an empty one ends it. */
export function chunk(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

function firstAnswer(socket: Socket): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    let buffer = Buffer.alloc(0);
    socket.on('data', (data: Buffer) => {
      buffer = Buffer.concat([buffer, data]);
      const answer = parseAnswer(buffer);
      if (answer) resolve(answer);
    });
    // A reset after an early answer is no failure of the test: what was read before it counts.
    socket.on('error', () => {});
    socket.on('close', () => resolve(parseAnswer(buffer)));
  });
}

/** A complete answer at the start of `buffer`, or undefined while bytes are missing. */
function parseAnswer(buffer: Buffer): Answer | undefined {
  const headEnd = buffer.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = buffer.subarray(0, headEnd).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = bodyOf(buffer.subarray(headEnd + 4), headers);
  if (!body) return undefined;
  return { status: Number(statusLine.split(' ')[1]), headers, text: body.toString(), bytes: body };
}

function bodyOf(rest: Buffer, headers: Headers): Buffer | undefined {
  if (headers['transfer-encoding'] === 'chunked') return unchunk(rest);
  const length = Number(headers['content-length'] ?? 0);
  return rest.length >= length ? rest.subarray(0, length) : undefined;
}

function unchunk(rest: Buffer): Buffer | undefined {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(rest.subarray(at, lineEnd).toString('latin1'), 16);
    if (size === 0) return Buffer.concat(pieces);
    const end = lineEnd + 2 + size;
    if (rest.length < end + 2) return undefined;
    pieces.push(rest.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}
