import type { Reason } from '@headgate/contracts/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_HEADERS } from '../src/limits.ts';
import { type Answer, http, http2, https, raw } from './support/client.ts';
import { HASTY, TestEnvoy } from './support/envoy.ts';
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

const HOST = 'Host: localhost';
const get = (...fields: string[]) => ['GET / HTTP/1.1', HOST, ...fields, '', ''];
const post = (...fields: string[]) => ['POST / HTTP/1.1', HOST, ...fields, '', ''];

function expectCause(answer: Answer, reason: Reason, cause: RegExp): void {
  expectProblem(answer, reason);
  expect(JSON.parse(answer.body).detail).toMatch(cause);
}

describe('an answer of Envoy’s own keeps its cause: a request', () => {
  it.each<[string, string[], Reason, RegExp]>([
    ['over HTTP/1.0', ['GET / HTTP/1.0', HOST, '', ''], 'http_version', /HTTP\/1\.1 or HTTP\/2/],
    ['over HTTP/1.0 without a host', ['GET / HTTP/1.0', '', ''], 'http_version', /HTTP\/1\.1 or HTTP\/2/],
    ['over HTTP/0.9', ['GET /', '', ''], 'http_version', /HTTP\/1\.1 or HTTP\/2/],
    ['with an underscore in a header', get('X_Trace_Id: 1'), 'invalid_request', /underscore; use hyphens/],
    [
      'with Transfer-Encoding: identity',
      post('Transfer-Encoding: identity'),
      'invalid_request',
      /only be chunked/,
    ],
    [
      'with an unknown transfer encoding',
      post('Transfer-Encoding: br'),
      'invalid_request',
      /only be chunked/,
    ],
    ['in gzip and chunks', post('Transfer-Encoding: gzip, chunked'), 'invalid_request', /only be chunked/],
    [
      'with two lengths',
      post('Content-Length: 3', 'Transfer-Encoding: chunked'),
      'invalid_request',
      /both Content-Length and Transfer-Encoding/,
    ],
    ['without a host', ['GET / HTTP/1.1', '', ''], 'invalid_request', /has no Host/],
    [
      'with a broken host',
      ['GET / HTTP/1.1', 'Host: a"b', '', ''],
      'invalid_request',
      /Host is no host name/,
    ],
    [
      'for another host',
      ['GET / HTTP/1.1', 'Host: other.example', '', ''],
      'not_found',
      /check the name of the host/,
    ],
    ['with a control character', get('X-Odd: a\x02b'), 'invalid_request', /control character/],
    ['with a fragment', ['GET /v1#a HTTP/1.1', HOST, '', ''], 'invalid_request', /fragment \(#\)/],
    ['with an escaped backslash', ['GET /a%5cb HTTP/1.1', HOST, '', ''], 'invalid_request', /escaped slash/],
    [
      'with a length that is no number',
      post('Content-Length: ten'),
      'invalid_request',
      /not HTTP\/1\.1.*malformed/,
    ],
    ['with a header without a colon', get('no colon'), 'invalid_request', /not HTTP\/1\.1.*malformed/],
    ['with large headers', get(`X-Large: ${'b'.repeat(18_000)}`), 'headers_too_large', /at most 16 KiB/],
    [
      'with a long address',
      [`GET /${'c'.repeat(18_000)} HTTP/1.1`, HOST, '', ''],
      'headers_too_large',
      /the address included/,
    ],
    [
      'with many headers',
      get(...Array.from({ length: MAX_HEADERS + 1 }, (_, i) => `X-${i}: 1`)),
      'headers_too_large',
      new RegExp(`${MAX_HEADERS} headers`),
    ],
    [
      'with a huge body',
      post('Content-Length: 4000000000'),
      'body_too_large',
      /at most 10485760 bytes; send a smaller image/,
    ],
  ])('%s', async (_, lines, reason, cause) => {
    expectCause(await raw(envoy, ...lines), reason, cause);
  });

  it('under /v2 says the cause in the member that its clients read', async () => {
    const answer = await raw(envoy, 'GET /v2/models HTTP/1.1', 'Connection: close', '', '');
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([
      400,
      expect.stringMatching(/has no Host/),
    ]);
  });

  it('over HTTP/2 with a path that cannot be read, or for another host', async () => {
    expectCause(await http2(envoy, { path: '/a%2fb' }), 'invalid_request', /escaped slash/);
    expectCause(
      await http2(envoy, { headers: { ':authority': 'other.example' } }),
      'not_found',
      /name of the host/,
    );
  });

  it('over plain HTTP', async () => {
    const headers = { a_b: '1' };
    expectCause(await http(envoy.redirectPort, { headers }), 'invalid_request', /underscore; use hyphens/);
  });
});

describe('an answer of Envoy’s own about its upstream', () => {
  it('says that the gateway cannot be reached, and when to come back', async () => {
    await using alone = await TestEnvoy.start();
    expectCause(await https(alone), 'unavailable', /cannot be reached.*in 1 s/);
  });

  it('names the time after which a body is waited for no longer', async () => {
    await using hasty = await TestEnvoy.start(HASTY);
    await using _ = await Upstream.listen(hasty);
    const request = { method: 'POST', headers: { 'content-length': 10 }, withholdBody: true };
    expectCause(await https(hasty, request), 'upload_timeout', /within 0\.3 s/);
  });

  it('tells the ceiling of all callers apart from other overload', async () => {
    await using narrow = await TestEnvoy.start({ HEADGATE_ENVOY__LOCAL_RATE_PER_S: '1' });
    await using _ = await Upstream.listen(narrow);
    const answers = await Promise.all(Array.from({ length: 5 }, () => https(narrow)));
    const refused = answers.find(({ status }) => status === 503);
    expectCause(refused as Answer, 'overloaded', /from all callers.*in 1 s/);
  });
});
