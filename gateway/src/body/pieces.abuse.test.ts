import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rawConnection } from '@headgate/testkit/raw';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handOver } from '../hand-over.ts';
import { deadlineIn } from '../testing/calls.ts';
import { readIncoming } from './read-incoming.ts';

/** Pieces of so many bytes, each a chunk. */
const pieces = (count: number, bytes: number) =>
  `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`.repeat(count);

describe('a body in pieces', () => {
  let server: Server;
  beforeEach(async () => {
    server = createServer();
    const bounds = {
      maxBytes: 1e6,
      declaredBytes: 0,
      deadline: deadlineIn(60_000),
      holdBytes: () => undefined,
    };
    const read = async (request: Request, env: unknown) => {
      const answer = await readIncoming(request, env, bounds).then(String, ({ reason }) => reason);
      return new Response(`${answer}`.slice(0, 20));
    };
    handOver(server, read, () => new Response('no request'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const send = async (body: string) => {
    await using socket = await rawConnection((server.address() as AddressInfo).port);
    await socket.write(`POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${body}`);
    return (await socket.answer())?.text;
  };

  it('is refused when they are many and small, and its connection ends', async () => {
    expect(await send(pieces(1500, 1))).toBe('invalid_request');
    expect(await send(pieces(50_000, 1))).toBe('invalid_request');
    expect(await send(pieces(2500, 32))).toBe('invalid_request');
  });

  it('may have few small pieces, or many of some size', async () => {
    const start = '120,'.repeat(5);
    expect(await send(`${pieces(900, 1)}0\r\n\r\n`)).toBe(start);
    expect(await send(`${pieces(5000, 64)}0\r\n\r\n`)).toBe(start);
  });
});
