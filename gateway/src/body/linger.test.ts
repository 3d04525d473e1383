import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createLinger, type LingerBounds } from './linger.ts';

/** Nothing but the body itself ends a wait. */
const PACE = { look_ms: 10, pause_ms: 60_000, grace_ms: 60_000, bytes_per_s: 0 };
const PATIENT: LingerBounds = { requests: 128, bytes: 1_000_000, age_ms: 60_000, pace: PACE };

const addressOf = (_request: Request, env: unknown) =>
  String((env as { incoming: IncomingMessage }).incoming.headers.from);

describe('linger', () => {
  let server: Server;
  const sockets: Socket[] = [];

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
  });

  /** A server that lingers for each request and then answers; how many it has begun and ended to wait for. */
  const serve = async (bounds: Partial<LingerBounds> = {}) => {
    const linger = createLinger({ ...PATIENT, ...bounds }, addressOf);
    const seen = { begun: 0, ended: 0 };
    const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
      seen.begun += 1;
      await linger(new Request('http://x/'), { incoming }, 10_000);
      seen.ended += 1;
      outgoing.end();
    };
    server = createServer((incoming, outgoing) => void answer(incoming, outgoing));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return seen;
  };

  const post = (header: string) => {
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`);
    return socket;
  };
  const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;

  it.each([
    ['a length', 'Content-Length: 500000', 'x'.repeat(499_999), 'x'],
    ['chunks', 'Transfer-Encoding: chunked', chunk(499_999), '0\r\n\r\n'],
  ])('waits for the end of a body with %s', async (_, header, most, rest) => {
    const seen = await serve();
    const socket = post(header);
    await new Promise((resolve) => socket.write(most, resolve));
    await expect.poll(() => seen.begun).toBe(1);
    expect(seen.ended).toBe(0);
    socket.write(rest);
    await expect.poll(() => seen.ended).toBe(1);
  });

  it('does not begin with a body that announces more than its bytes', async () => {
    const seen = await serve({ bytes: 1000 });
    post('Content-Length: 1001');
    await expect.poll(() => seen.ended).toBe(1);
  });

  it('leaves a body that grows beyond its bytes', async () => {
    const seen = await serve({ bytes: 1000 });
    post('Transfer-Encoding: chunked').write(chunk(1001));
    await expect.poll(() => seen.ended).toBe(1);
  });

  it('leaves a body that pauses', async () => {
    const seen = await serve({ pace: { ...PACE, pause_ms: 20 } });
    post('Content-Length: 1000').write('x');
    await expect.poll(() => seen.ended).toBe(1);
  });

  it.each([
    ['until its request is too old', { age_ms: 10_100 }],
    ['more slowly than it may', { pace: { ...PACE, grace_ms: 100, bytes_per_s: 10_000 } }],
  ])('leaves a body that trickles %s', async (_, bounds) => {
    const seen = await serve(bounds);
    const socket = post('Content-Length: 1000000');
    const trickle = setInterval(() => socket.write('x'), 5);
    await expect.poll(() => seen.ended).toBe(1);
    clearInterval(trickle);
  });

  it('leaves a connection that breaks, and has room again', async () => {
    const seen = await serve({ requests: 1 });
    const socket = post('Content-Length: 1000');
    await expect.poll(() => seen.begun).toBe(1);
    socket.destroy();
    await expect.poll(() => seen.ended).toBe(1);
    post('Content-Length: 1000');
    await expect.poll(() => seen.begun).toBe(2);
    expect(seen.ended).toBe(1);
  });

  it('lets answers beyond its number go out at once', async () => {
    const seen = await serve({ requests: 1 });
    post('Content-Length: 1000');
    await expect.poll(() => seen.begun).toBe(1);
    post('Content-Length: 1000');
    await expect.poll(() => seen.ended).toBe(1);
    expect(seen.begun).toBe(2);
  });

  it('waits for another address when one has its share', async () => {
    const seen = await serve({ requests: 2 });
    for (const [index, ended] of [0, 1, 2].entries()) {
      post('Content-Length: 1000\r\nFrom: one');
      await expect.poll(() => [seen.begun, seen.ended]).toEqual([index + 1, ended]);
    }
    post('Content-Length: 1000\r\nFrom: another');
    await expect.poll(() => seen.begun).toBe(4);
    expect(seen.ended).toBe(2);
  });
});
