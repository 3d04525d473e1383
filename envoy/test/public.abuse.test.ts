import { once } from 'node:events';
import { Agent, request as tlsRequest } from 'node:https';
import { eventually } from '@headgate/testkit/eventually';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LISTENER } from '../src/names.ts';
import { echoOf, http, http2, https, raw } from './support/client.ts';
import { TestEnvoy } from './support/envoy.ts';
import { expectProblem } from './support/problem.ts';
import { Upstream } from './support/upstream.ts';

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

/** Answers of 4xx that Envoy has counted on its public listener. */
async function refusals(): Promise<number> {
  const name = `^http.${LISTENER.publicHttps}.downstream_rq_4xx$`;
  const { body } = await envoy.admin(`/stats?filter=${encodeURIComponent(name)}`);
  return Number(body.split(': ')[1]);
}

describe('headers of a client', () => {
  it.each([
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-client-cert',
    'x-real-ip',
    'forwarded',
    'x-headgate-variant',
    'x-headgate-tenant',
    'x-headgate-caller-request-id',
    'x-envoy-external-address',
    'x-envoy-internal',
    'x-envoy-retry-on',
    'x-envoy-upstream-rq-timeout-ms',
    'x-envoy-original-path',
  ])('cannot set %s', async (name) => {
    const echo = echoOf(await https(envoy, { headers: { [name]: '203.0.113.9' } }));
    expect(echo.headers[name] ?? '').not.toContain('203.0.113.9');
  });

  it('do not change the address that the gateway is told', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9, 10.0.0.1', forwarded: 'for=203.0.113.9' };
    expect(echoOf(await https(envoy, { headers })).headers['x-forwarded-for']).toBe('127.0.0.1');
  });

  it('are refused when a name has an underscore', async () => {
    expectProblem(await https(envoy, { headers: { x_headgate_variant: 'b' } }), 'invalid_request');
    await expect(http2(envoy, { headers: { x_headgate_variant: 'b' } })).rejects.toThrow();
  });

  it('are refused when they are too large or too many', async () => {
    const large = { 'x-large': 'a'.repeat(20 * 1024) };
    expectProblem(await https(envoy, { headers: large }), 'headers_too_large');
    await expect(http2(envoy, { headers: large })).rejects.toThrow();
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-many-${i}`, '1']));
    expectProblem(await https(envoy, { headers: many }), 'headers_too_large');
  });
});

it('headers near the limit reach the gateway or are refused by Envoy: Node never answers without a body', async () => {
  const sizes = Array.from({ length: 40 }, (_, i) => 15 * 1024 + 40 * i);
  const answers = await Promise.all(
    sizes.map((size) => https(envoy, { headers: { 'x-large': 'a'.repeat(size) } })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 431]));
  for (const answer of answers.filter(({ status }) => status !== 200)) {
    expectProblem(answer, 'headers_too_large');
  }
});

describe('a request that is not what it seems', () => {
  it.each(['/v1%2fmodels', '/v1%5cmodels'])('is refused for the escaped slash in %s', async (path) => {
    expectProblem(await https(envoy, { path }), 'invalid_request');
  });

  it('is refused when it has two lengths', async () => {
    const head = ['POST / HTTP/1.1', 'Host: localhost', 'Content-Length: 4', 'Transfer-Encoding: chunked'];
    expectProblem(await raw(envoy, ...head, '', '0', '', 'GET /smuggled HTTP/1.1', ''), 'invalid_request');
    expect(upstream.seen).not.toContain('/smuggled');
  });

  it('has one header where one is folded: Envoy joins its lines before anybody else reads them', async () => {
    const head = ['GET /folded HTTP/1.1', 'Host: localhost', 'Connection: close', 'X-Fold: a'];
    for (const hidden of ['transfer-encoding: chunked', 'x-headgate-tenant: b', 'x-forwarded-for: 1.2.3.4']) {
      const answer = await raw(envoy, ...head, ` ${hidden}`, '', '');
      expect(answer.status).toBe(200);
      const { headers } = echoOf(answer);
      expect(headers['x-fold']).toBe(`a ${hidden}`);
      expect(headers['transfer-encoding'] ?? headers['x-headgate-tenant']).toBeUndefined();
      expect(headers['x-forwarded-for']).toBe('127.0.0.1');
    }
  });

  it('cannot send more bytes than its length says', async () => {
    const head = ['POST /short HTTP/1.1', 'Host: localhost', 'Content-Length: 4', '', 'fourEXTRA', ''];
    const answer = await raw(envoy, ...head);
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('"bytes":4');
    await expect(
      http2(envoy, { method: 'POST', headers: { 'content-length': 4 }, body: 'fourEXTRA' }),
    ).rejects.toThrow();
  });

  it.each([
    ['an unknown host', ['GET / HTTP/1.1', 'Host: evil.example', 'Connection: close'], 'not_found'],
    ['no host', ['GET / HTTP/1.1', 'Connection: close'], 'invalid_request'],
    ['HTTP/1.0', ['GET / HTTP/1.0', 'Host: localhost'], 'http_version'],
    ['CONNECT', ['CONNECT localhost:1 HTTP/1.1', 'Host: localhost', 'Connection: close'], 'not_found'],
    ['something else than HTTP', ['SSH-2.0-OpenSSH_9.2'], 'invalid_request'],
  ] as const)(
    'is answered with a problem body, once counted and once logged: %s',
    async (_, lines, reason) => {
      const before = await refusals();
      const answer = await raw(envoy, ...lines, '', '');
      expectProblem(answer, reason);
      await eventually(async () => (await refusals()) === before + 1, 'the count of the refusal');
      await envoy.accessEntry(({ request_id }) => request_id === answer.headers['x-request-id']);
    },
  );

  it.each(['get', 'PRI', 'BREW', 'GETS', 'A-POST', 'M-SEARCHES'])(
    'does not reach the gateway when its method is %s, which HTTP/1 servers do not know',
    async (method) => {
      const path = `/method-${method}`;
      expectProblem(await http2(envoy, { method, path }), 'method_not_allowed');
      expectProblem(await http2(envoy, { method, path, body: 'x' }), 'method_not_allowed');
      expect(upstream.seen).not.toContain(path);
    },
  );

  it.each(['DELETE', 'OPTIONS', 'M-SEARCH', 'PROPFIND', 'UNLOCK'])(
    'reaches the gateway when its method is %s',
    async (method) => {
      expect(echoOf(await http2(envoy, { method, path: '/known' })).method).toBe(method);
    },
  );

  it('is not redirected to a host that is not ours', async () => {
    expectProblem(await http(envoy.redirectPort, { headers: { host: 'evil.example' } }), 'not_found');
  });
});

describe('a body over the limit', () => {
  const tooLarge = Buffer.alloc(65 * 1024 * 1024 + 1);

  it('is refused by its length, before it is sent and before the gateway hears of it', async () => {
    const headers = { 'content-length': tooLarge.length };
    const request = { method: 'POST', path: '/declared', headers, withholdBody: true };
    expectProblem(await https(envoy, request), 'body_too_large');
    expectProblem(await http2(envoy, request), 'body_too_large');
    expect(upstream.seen).not.toContain('/declared');
  });

  it('is cut while it streams when it has no length', async () => {
    const headers = { 'transfer-encoding': 'chunked' };
    const request = { method: 'POST', path: '/undeclared', body: tooLarge };
    expectProblem(await https(envoy, { ...request, headers }), 'body_too_large');
    expectProblem(await http2(envoy, request), 'body_too_large');
  });

  it('is not held back: the gateway hears of a request while its body still arrives', async () => {
    const options = { host: 'localhost', port: envoy.httpsPort, ca: envoy.ca, agent: new Agent() };
    const request = tlsRequest({ ...options, method: 'POST', path: '/streams' });
    request.write(Buffer.alloc(1024));
    await eventually(() => upstream.bytes.get('/streams') === 1024, 'the first bytes arrive');
    request.end();
    await once(request, 'response');
  });

  it('brings the gateway’s early refusal to the client', async () => {
    const request = { method: 'POST', path: '/early', body: Buffer.alloc(9 * 1024 * 1024) };
    expect(await https(envoy, request)).toMatchObject({ status: 413, body: 'refused' });
    expect(await http2(envoy, request)).toMatchObject({ status: 413, body: 'refused' });
  });
});
