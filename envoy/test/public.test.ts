import { once } from 'node:events';
import { Agent, request as tlsRequest } from 'node:https';
import { connect } from 'node:tls';
import { PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoOf, http, http2, https } from './support/client.ts';
import { TestEnvoy } from './support/envoy.ts';
import { Upstream } from './support/upstream.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let envoy: TestEnvoy;
let upstream: Upstream;

beforeAll(async () => {
  envoy = await TestEnvoy.start();
  upstream = await Upstream.listen(envoy);
});

afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await envoy[Symbol.asyncDispose]();
});

describe('the public listener', () => {
  it.each([
    ['h2', 'h2'],
    ['http/1.1', 'http/1.1'],
  ])('agrees on %s by ALPN', async (offered, agreed) => {
    const socket = connect({
      host: 'localhost',
      port: envoy.httpsPort,
      ca: envoy.ca,
      ALPNProtocols: [offered],
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(agreed);
    socket.destroy();
  });

  it.each([
    ['HTTP/1.1', https],
    ['HTTP/2', http2],
  ])('hands a request with its body to the gateway over %s', async (_, send) => {
    const body = Buffer.alloc(300_000, 7);
    const echo = echoOf(await send(envoy, { method: 'POST', path: '/predict?top=3', body }));
    expect(echo).toMatchObject({ method: 'POST', url: '/predict?top=3', bytes: body.length });
  });

  it('lets a body of 10 MiB through', async () => {
    const body = Buffer.alloc(10 * 1024 * 1024);
    expect(echoOf(await https(envoy, { method: 'POST', body })).bytes).toBe(body.length);
    expect(echoOf(await http2(envoy, { method: 'POST', body })).bytes).toBe(body.length);
  });

  it('asks the gateway before the client sends a body that waits for 100-continue', async () => {
    const headers = { expect: '100-continue', 'content-length': 5 };
    const options = { host: 'localhost', port: envoy.httpsPort, method: 'POST', ca: envoy.ca };
    const request = tlsRequest({ ...options, path: '/continue', headers, agent: new Agent() });
    request.flushHeaders();
    await once(request, 'continue');
    expect(upstream.seen).toContain('/continue');
    request.end('hello');
    await once(request, 'response');
  });

  it('says HSTS and does not say which software answers', async () => {
    const { headers } = await https(envoy);
    expect(headers['strict-transport-security']).toMatch(/^max-age=\d+$/);
    const names = Object.keys(headers);
    expect(names).not.toContain('server');
    expect(names).not.toContain('x-powered-by');
    expect(names.filter((name) => name.startsWith('x-envoy'))).toEqual([]);
  });

  it.each([
    ['/a/../v1/models', '/v1/models'],
    ['/v1//models', '/v1/models'],
    ['/v1/%6dodels', '/v1/models'],
    ['/./predict', '/predict'],
  ])('normalises %s to %s', async (sent, seen) => {
    expect(echoOf(await https(envoy, { path: sent })).url).toBe(seen);
  });
});

describe('a request whose gateway dies', () => {
  const cutOnce = async (path: string) => {
    const before = upstream.seen.length;
    upstream.cutNext(1);
    const { status } = await https(envoy, { method: 'POST', path, body: 'photo' });
    return { status, sent: upstream.seen.length - before };
  };

  it.each(['/predict', '/v1/models/digits/predict?top=3', '/v2/models/digits/versions/1/infer'])(
    'is sent again when it only asks a model: %s',
    async (path) => {
      expect(await cutOnce(path)).toEqual({ status: 200, sent: 2 });
    },
  );

  it.each(['/v1/feedback', '/v2/repository/models/digits/load', '/predict/x'])(
    'is not sent again when it may change something: %s',
    async (path) => {
      expect(await cutOnce(path)).toEqual({ status: 503, sent: 1 });
    },
  );
});

describe('a request id', () => {
  it('is made where the caller sent none, and answered', async () => {
    const answer = await https(envoy);
    expect(answer.headers['x-request-id']).toMatch(UUID);
    expect(echoOf(answer).headers['x-request-id']).toBe(answer.headers['x-request-id']);
  });

  it('is kept when the caller sent a sane one', async () => {
    const answer = await https(envoy, { headers: { 'x-request-id': 'order-7.a_b:c' } });
    expect(echoOf(answer).headers['x-request-id']).toBe('order-7.a_b:c');
    expect(answer.headers['x-request-id']).toBe('order-7.a_b:c');
  });

  it.each([
    ['has a space', 'two words'],
    ['is too long', 'a'.repeat(65)],
    ['is empty', ''],
    ['comes twice', ['one', 'two']],
  ])('is replaced when the one sent %s', async (_, id) => {
    const echo = echoOf(await https(envoy, { headers: { 'x-request-id': id } }));
    expect(echo.headers['x-request-id']).toMatch(UUID);
  });
});

it('passes the trace context untouched', async () => {
  const headers = {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'vendor=1',
  };
  expect(echoOf(await https(envoy, { headers })).headers).toMatchObject(headers);
});

it('redirects plain HTTP to HTTPS and keeps method, path and query', async () => {
  const answer = await http(envoy.redirectPort, { method: 'POST', path: '/redirected?top=3', body: 'x' });
  expect([answer.status, answer.headers]).toEqual([308, expect.objectContaining(PROTECTIVE_HEADERS)]);
  expect(answer.headers.location).toBe(`https://localhost:${envoy.httpsPort}/redirected?top=3`);
  expect(Object.keys(answer.headers)).not.toContain('strict-transport-security');
  expect(upstream.seen.filter((url) => url.startsWith('/redirected'))).toEqual([]);
});

it('writes one JSON line per request, without query or credentials', async () => {
  const path = '/logged?token=s3cret';
  const headers = { 'x-api-key': 'hg_dev_s3cret', authorization: 'Bearer s3cret', 'x-request-id': 'log-1' };
  await https(envoy, { method: 'POST', path, headers, body: 'four' });
  const entry = await envoy.accessEntry(({ request_id }) => request_id === 'log-1');
  expect(entry).toMatchObject({ method: 'POST', path: '/logged', status: 200, bytes_in: 4, flags: '-' });
  expect(entry).toMatchObject({ protocol: 'HTTP/1.1', client: '127.0.0.1', listener: 'public-https' });
  expect(entry.duration_ms).toBeTypeOf('number');
  expect(entry.upstream_ms).toBeTypeOf('number');
  expect(JSON.stringify(entry)).not.toContain('s3cret');
});
