import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { HeadgateError } from '@headgate/contracts/errors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestDeadline } from '../deadline.ts';
import { deadlineIn } from '../testing/calls.ts';
import type { BodyBounds } from './read-body.ts';
import { readIncoming } from './read-incoming.ts';

const LIMIT = 300_000;
const STALLED = { look_ms: 10, pause_ms: 30, grace_ms: 30, bytes_per_s: 1 };

describe('readIncoming', () => {
  let server: Server;
  let socket: Socket;
  let deadline: RequestDeadline;
  let pace: BodyBounds['pace'];
  let roomBytes: number;
  let outcomes: (Uint8Array | HeadgateError)[];

  beforeEach(async () => {
    deadline = deadlineIn(60_000);
    pace = undefined;
    roomBytes = LIMIT;
    outcomes = [];
    server = createServer(async (incoming, outgoing) => {
      const declaredBytes = Number(incoming.headers['content-length'] ?? 0);
      const holdBytes = (total: number) => {
        if (total > roomBytes) throw new HeadgateError('rate_limited', 'no room');
      };
      const bounds: BodyBounds = {
        maxBytes: LIMIT,
        declaredBytes,
        deadline,
        holdBytes,
        ...(pace && { pace }),
      };
      const outcome = await readIncoming(new Request('http://x/'), { incoming }, bounds).catch((e) => e);
      outcomes.push(outcome);
      outgoing.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
  });

  afterEach(() => {
    socket.destroy();
    server.close();
    server.closeAllConnections();
  });

  const post = (header: string) => socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`);
  const chunk = (bytes: Buffer) => {
    socket.write(`${bytes.length.toString(16)}\r\n`);
    socket.write(bytes);
    socket.write('\r\n');
  };
  const first = async () => {
    await expect.poll(() => outcomes).toHaveLength(1);
    return outcomes[0];
  };

  it.each([1, 30_000, LIMIT])('reads a body of %i bytes with a declared length', async (size) => {
    const body = Buffer.alloc(size, 7);
    post(`Content-Length: ${size}`);
    socket.write(body);
    expect(Buffer.compare((await first()) as Uint8Array, body)).toBe(0);
  });

  it('reads a chunked body of the largest size', async () => {
    post('Transfer-Encoding: chunked');
    for (let sent = 0; sent < LIMIT; sent += 10_000) chunk(Buffer.alloc(10_000, sent / 10_000));
    socket.write('0\r\n\r\n');
    const body = (await first()) as Uint8Array;
    expect([body.length, body[0], body[9_999], body[10_000], body.at(-1)]).toEqual([LIMIT, 0, 0, 1, 29]);
  });

  it('refuses a chunked body as soon as it is too large, however it goes on', async () => {
    post('Transfer-Encoding: chunked');
    chunk(Buffer.alloc(LIMIT + 1));
    expect(await first()).toMatchObject({ reason: 'body_too_large' });
  });

  it('refuses a chunked body as soon as there is no room for it', async () => {
    roomBytes = 20_000;
    post('Transfer-Encoding: chunked');
    for (let i = 0; i < 3; i++) chunk(Buffer.alloc(10_000));
    expect(await first()).toMatchObject({ reason: 'rate_limited' });
  });

  it('goes on with a slow body as long as enough of it arrives', async () => {
    // A busy machine may sleep several times as long as it should.
    pace = { look_ms: 500, pause_ms: 500, grace_ms: 500, bytes_per_s: 1 };
    post('Content-Length: 60');
    for (let i = 0; i < 60; i++) {
      socket.write('x');
      await pause(20);
    }
    expect(await first()).toHaveLength(60);
  });

  it.each(['Content-Length: 0', 'X: no length', 'Transfer-Encoding: chunked'])(
    'refuses an empty body: %s',
    async (header) => {
      post(header);
      if (header.endsWith('chunked')) socket.write('0\r\n\r\n');
      expect(await first()).toMatchObject({ reason: 'empty_body' });
    },
  );

  it('gives up on a body that stalls', async () => {
    pace = STALLED;
    post('Content-Length: 10');
    socket.write('part');
    expect(await first()).toMatchObject({ reason: 'upload_timeout' });
  });

  it('takes a deadline that passes meanwhile for a slow upload, and a client that left for one that left', async () => {
    post('Content-Length: 10');
    await new Promise((resolve) => setTimeout(resolve, 50));
    deadline.end(new HeadgateError('deadline_exceeded', 'The deadline passed.'));
    expect(await first()).toMatchObject({ reason: 'upload_timeout' });
  });

  it('refuses at once when nobody waits any more', async () => {
    const gone = new HeadgateError('cancelled', 'The client closed the connection.');
    deadline.end(gone);
    post('Content-Length: 10');
    expect(await first()).toBe(gone);
  });

  it('survives a connection that breaks in the middle, and one that breaks after it was refused', async () => {
    post('Content-Length: 10');
    socket.write('part');
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.resetAndDestroy();
    expect(await first()).toMatchObject({ reason: 'cancelled' });

    pace = STALLED;
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
    post('Content-Length: 10');
    await expect.poll(() => outcomes).toHaveLength(2);
    socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(outcomes[1]).toMatchObject({ reason: 'upload_timeout' });
  });
});
