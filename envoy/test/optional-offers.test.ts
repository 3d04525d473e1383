import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoOf, http, https, type Request } from './support/client.ts';
import { TestEnvoy } from './support/envoy.ts';
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

const OFFERS = [
  'TLS/1.2',
  'TLS/1.2, HTTP/2.0',
  'h2c',
  'h2c, websocket',
  'websocket',
  'WebSocket',
  'foo/9',
  'foo/9,bar , h2c',
  '',
  'a'.repeat(2000),
];
const REQUESTS: readonly Request[] = [
  { method: 'GET' },
  { method: 'HEAD' },
  { method: 'OPTIONS' },
  { method: 'POST', body: 'a body', headers: { 'content-length': 6 } },
  { method: 'POST', body: 'a body', headers: { 'transfer-encoding': 'chunked' } },
];
const CASES = OFFERS.flatMap((upgrade) =>
  ['Upgrade', 'keep-alive, Upgrade', 'upgrade, close'].map((connection) => ({ upgrade, connection })),
);

/** A server may ignore an offered upgrade (RFC 9110, 7.8), and does. */
describe.each(CASES)('a request with "Upgrade: $upgrade" and "Connection: $connection"', (offer) => {
  const offering = (request: Request): Request => ({ ...request, headers: { ...request.headers, ...offer } });

  it('is answered as without them over TLS', async () => {
    for (const request of REQUESTS) {
      const answer = await https(envoy, offering(request));
      expect(answer.status).toBe(200);
      if (request.method === 'HEAD') continue;
      expect(echoOf(answer)).toMatchObject({ method: request.method, bytes: request.body?.length ?? 0 });
      expect(echoOf(answer).headers).not.toHaveProperty('upgrade');
    }
  });

  it('is redirected as without them over plain HTTP', async () => {
    for (const request of REQUESTS) {
      expect((await http(envoy.redirectPort, offering(request))).status).toBe(308);
    }
  });
});

it.each([
  ['only names it in Connection', { connection: 'Upgrade' }],
  ['only sends Upgrade', { upgrade: 'TLS/1.2' }],
  [
    'offers the settings of h2c',
    { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' },
  ],
  ['offers other encodings of the transfer', { te: 'trailers, deflate' }],
  ['prefers another language', { 'accept-language': 'x-klingon', prefer: 'respond-async' }],
])('a request that %s is answered', async (_, headers) => {
  expect((await https(envoy, { headers })).status).toBe(200);
});
