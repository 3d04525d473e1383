import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { problemBody } from '@headgate/contracts/errors';
import { afterEach, describe, expect, it } from 'vitest';
import type { Fetch, NodeEnv } from './hand-over.ts';
import { type HttpServer, nodeHost, PortTakenError, serveHttp } from './server.ts';

const answer = () => new Response('ok');
/** Answers as the app does: what is malformed with its problem. */
const judge = (_request: Request, env: unknown) => {
  const { malformed } = env as NodeEnv;
  if (!malformed) return answer();
  return Response.json(problemBody(malformed, 'id'), { status: malformed.httpStatus });
};

describe('serveHttp', () => {
  let server: HttpServer | undefined;
  const sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server?.drain(0);
  });

  const serve = async (fetch: Fetch, port = 0) => {
    server = await serveHttp({ fetch, host: '127.0.0.1', port, node: { maxHeaderSize: 4096 } });
    return server;
  };

  /** A raw connection: what arrived so far, and whether the other side has closed it. */
  const open = async ({ port }: HttpServer) => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    const seen = { text: '', closed: false, socket };
    socket.on('data', (chunk) => {
      seen.text += chunk;
    });
    socket.on('close', () => {
      seen.closed = true;
    });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return seen;
  };
  const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

  it('finishes the requests in progress, then closes, and takes no new connection meanwhile', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const live = await serve(() => held.then(answer));
    const busy = await open(live);
    busy.socket.write(GET);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const drained = live.drain(10_000);
    await expect(open(live)).rejects.toThrow('ECONNREFUSED');
    expect(busy.text).toBe('');
    release();
    expect(await drained).toBe(0);
    await expect.poll(() => busy.text).toMatch(/^HTTP\/1.1 200/);
  });

  it('answers a request that arrives on an idle connection while it drains', async () => {
    let draining = false;
    const headers = () => ({ connection: draining ? 'close' : 'keep-alive' });
    const live = await serve(() => new Response('ok', { headers: headers() }));
    const idle = await open(live);
    idle.socket.write(GET);
    await expect.poll(() => idle.text).toMatch(/^HTTP\/1.1 200/);
    idle.text = '';
    draining = true;
    const drained = live.drain(10_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    idle.socket.write(GET);
    await expect.poll(() => idle.text).toMatch(/^HTTP\/1.1 200/);
    expect(await drained).toBe(0);
  });

  it('closes idle connections after a moment, also those that never sent a request', async () => {
    const live = await serve(answer);
    const [used, unused] = [await open(live), await open(live)];
    used.socket.write(GET);
    await expect.poll(() => used.text).toMatch(/^HTTP\/1.1 200/);
    expect(await live.drain(10_000)).toBe(0);
    await expect.poll(() => used.closed && unused.closed).toBe(true);
  });

  it('cuts what is left at the end of its time', async () => {
    const stuck = await serve(() => new Promise<Response>(() => undefined));
    const busy = await open(stuck);
    busy.socket.write(GET);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await stuck.drain(50)).toBe(1);
    await expect.poll(() => busy.closed).toBe(true);
  });

  it('says which port is taken', async () => {
    const first = await serve(answer);
    const second = serveHttp({ fetch: answer, host: '127.0.0.1', port: first.port, node: {} });
    await expect(second).rejects.toThrow(PortTakenError);
    await expect(second).rejects.toThrow(new RegExp(`port ${first.port} of 127.0.0.1 is taken`));
  });

  it('answers before the body has arrived, and closes the connection when the rest does not come', async () => {
    const early = await open(await serve(async () => new Response('no', { status: 401 })));
    early.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10380902\r\n\r\n');
    early.socket.write(Buffer.alloc(64 * 1024));
    await expect.poll(() => early.text).toMatch(/^HTTP\/1.1 401/);
    await expect.poll(() => early.closed, { timeout: 3000 }).toBe(true);
  });

  it('lets a client that sends its whole body read the early answer', async () => {
    const { port } = await serve(async () => new Response('no', { status: 401 }));
    const status = await new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method: 'POST' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject);
      sent.end(Buffer.alloc(9.9 * 2 ** 20));
    });
    expect(status).toBe(401);
  });

  it.each([
    ['garbage', 'GARBAGE\r\n\r\n', 400, 'invalid_request'],
    [
      'headers that are too large',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(5000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'invalid_request',
    ],
    ['no host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'invalid_request'],
  ])('has the app refuse %s', async (_, bytes, status, reason) => {
    const client = await open(await serve(judge));
    client.socket.write(bytes);
    await expect.poll(() => client.closed).toBe(true);
    expect(client.text).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
    const body: unknown = JSON.parse(client.text.split('\r\n\r\n')[1] ?? '');
    expect(body).toMatchObject({ status, reason, request_id: expect.any(String) });
  });

  const END = 'Connection: close\r\n\r\n';
  it.each([
    ['two hosts', `GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n${END}`],
    ['an empty host', `GET / HTTP/1.1\r\nHost:\r\n${END}`],
    ['a host with a path', `GET / HTTP/1.1\r\nHost: a/b\r\n${END}`],
    ['a host with a user', `GET / HTTP/1.1\r\nHost: a@b\r\n${END}`],
    ['an asterisk for what is no question about the server', `GET * HTTP/1.1\r\nHost: x\r\n${END}`],
    ['a target that is no path', `GET x HTTP/1.1\r\nHost: x\r\n${END}`],
    ['another scheme', `GET ftp://x/ HTTP/1.1\r\nHost: x\r\n${END}`],
    ['a path that is not ASCII', `GET /\u00e9 HTTP/1.1\r\nHost: x\r\n${END}`],
    ['a backslash in the path', `GET /a\\b HTTP/1.1\r\nHost: x\r\n${END}`],
    ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n'],
    ['a tunnel to nowhere', 'CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['another version of HTTP', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown method', `BREW / HTTP/1.1\r\nHost: x\r\n${END}`],
  ])('answers %s once, with 400', async (_, bytes) => {
    const client = await open(await serve(judge));
    client.socket.write(bytes);
    await expect.poll(() => client.closed, { timeout: 3000 }).toBe(true);
    expect(client.text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
    expect(client.text).toContain('"reason":"invalid_request"');
  });

  it.each([
    ['an unknown expectation', `GET /a HTTP/1.1\r\nHost: x\r\nExpect: x\r\n${END}`, '/a'],
    [
      'an offer to upgrade',
      `GET /a HTTP/1.1\r\nHost: x\r\nUpgrade: TLS/1.2\r\nConnection: Upgrade, close\r\n\r\n`,
      '/a',
    ],
    ['an absolute target', `GET http://y:1/a?b HTTP/1.1\r\nHost: x\r\n${END}`, '/a?b'],
    ['a question about the server', `OPTIONS * HTTP/1.1\r\nHost: x\r\n${END}`, '/'],
    ['HTTP/1.0 without a host', `GET /a HTTP/1.0\r\n\r\n`, '/a'],
    ['an IPv6 host', `GET /a HTTP/1.1\r\nHost: [::1]:80\r\n${END}`, '/a'],
    ['a broken escape', `GET /%zz%00%ff HTTP/1.1\r\nHost: x\r\n${END}`, '/%zz%00%ff'],
    ['TRACE', `TRACE /a HTTP/1.1\r\nHost: x\r\n${END}`, '/a'],
    ['very many headers', `GET /a HTTP/1.1\r\n${'a:\r\n'.repeat(900)}Host: x\r\n${END}`, '/a'],
  ])('hands %s to the app', async (_, bytes, path) => {
    const client = await open(await serve((request) => new Response(request.url)));
    client.socket.write(bytes);
    await expect.poll(() => client.closed, { timeout: 3000 }).toBe(true);
    expect(client.text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
    expect(client.text.split('\r\n\r\n')[1]).toBe(`http://gateway${path}`);
  });

  it('answers in order when what follows a request is none', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const client = await open(
      await serve((request, env) => ((env as NodeEnv).malformed ? judge(request, env) : held.then(answer))),
    );
    client.socket.write(`${GET}GARBAGE\r\n\r\nGARBAGE\r\n\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    release();
    await expect.poll(() => client.closed, { timeout: 3000 }).toBe(true);
    expect(client.text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  it('has the app answer what the app throws before its onion', async () => {
    const client = await open(
      await serve((request, env) => {
        if ((env as NodeEnv).malformed) return new Response('refused', { status: 500 });
        throw new Error(request.url);
      }),
    );
    client.socket.write(GET);
    await expect.poll(() => client.text).toMatch(/^HTTP\/1.1 500 .*refused$/s);
  });

  describe('tells when an answer has left', () => {
    const { onAnswered } = nodeHost();
    const large = new Uint8Array(16 * 2 ** 20);
    let left: number;
    const serveLarge = async () => {
      left = 0;
      return serve((_request, env) => {
        onAnswered?.(env, () => {
          left += 1;
        });
        return new Response(large);
      });
    };

    it('which it has not while its client does not read', async () => {
      const { socket } = await open(await serveLarge());
      socket.pause().write(GET);
      await expect.poll(() => socket.readableLength).toBeGreaterThan(0);
      expect(left).toBe(0);
      socket.resume();
      await expect.poll(() => left).toBe(1);
    });

    it('or its client, before or after the app has answered', async () => {
      const { socket } = await open(await serveLarge());
      socket.pause().write(GET);
      await expect.poll(() => socket.readableLength).toBeGreaterThan(0);
      socket.destroy();
      await expect.poll(() => left).toBe(1);

      const gone = Promise.withResolvers<void>();
      await server?.drain(0);
      const live = await serve(async (_request, env) => {
        const { outgoing } = env as NodeEnv;
        leaving.socket.destroy();
        if (!outgoing.closed) await new Promise((resolve) => outgoing.once('close', resolve));
        onAnswered?.(env, gone.resolve);
        return answer();
      });
      const leaving = await open(live);
      leaving.socket.write(GET);
      await gone.promise;
    });
  });

  describe('lets a body pass by before the answer', () => {
    const lingerFor = async (status: number, request: string) => {
      let waits = 0;
      const linger = async () => {
        waits += 1;
      };
      const fetch = async () => new Response('ok', { status });
      server = await serveHttp({ fetch, linger, host: '127.0.0.1', port: 0, node: {} });
      const seen = await open(server);
      seen.socket.write(request);
      await expect.poll(() => seen.text).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
      return waits;
    };
    const HALF = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na';

    it('where some of it is still to come', async () => {
      expect(await lingerFor(401, HALF)).toBe(1);
    });

    it.each([408, 413])('also where the refusal is about the body: %i', async (status) => {
      expect(await lingerFor(status, HALF)).toBe(1);
    });

    it('but not where there is none', async () => {
      expect(await lingerFor(404, GET)).toBe(0);
    });
  });
});
