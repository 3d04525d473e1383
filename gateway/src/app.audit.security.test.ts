import { HeadgateError } from '@headgate/contracts/errors';
import { rawConnection } from '@headgate/testkit/raw';
import { afterEach, describe, expect, it } from 'vitest';
import type { AppDeps } from './deps.ts';
import { DOCS_PATHS } from './routes/docs/docs.ts';
import type { HttpServer } from './server.ts';
import { CONFIG, fixture, KEYS } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';
import { serveApp } from './testing/serve-app.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
const NOWHERE = ['/', '/nothing', '/v1', '/metrics', '/.env', '/predict/', '//predict', '/%00'];

const WITHOUT_SCOPE = {
  keyId: 'oidc_0',
  role: 'admin' as const,
  tier: 'bench',
  scopes: { routes: [] },
  credential: { kind: 'token' as const, issuer: 'test' },
};

const CALLERS: [string, Record<string, string>, string | undefined][] = [
  ['nobody', {}, undefined],
  ['somebody with a wrong key', { 'x-api-key': 'hg_client01_guess' }, undefined],
  ['somebody with a wrong token', { authorization: 'Bearer a.b.d' }, undefined],
  ['a credential that is allowed nothing', { authorization: 'Bearer a.b.c' }, 'oidc_0'],
  ['an administrator', { 'x-api-key': KEYS.admin }, 'admin001'],
];

const DEPS: Partial<AppDeps> = {
  tokens: { verify: async (token) => (token === 'a.b.c' ? WITHOUT_SCOPE : 'signature') },
  config: { ...CONFIG, docs_public: true },
};

/** Every address of the app, parameters filled in, and some that it does not have. */
async function everyAddress() {
  const { app, seen } = await fixture(DEPS);
  const patterns = new Set(app.routes.map(({ path }) => path).filter((path) => path !== '/*'));
  const paths = [...patterns].map((path) => path.replace(':model', 'net').replace(':version', '1'));
  expect(paths.length).toBeGreaterThanOrEqual(20);
  return { app, seen, paths: [...paths, ...NOWHERE] };
}

describe('every request leaves one audit record, whatever becomes of it', () => {
  it.each(CALLERS)('to all addresses of the app by every method, from %s', async (_, headers, keyId) => {
    const { app, seen, paths } = await everyAddress();
    const answers: unknown[] = [];
    for (const [host, path] of paths.entries()) {
      for (const method of METHODS) {
        const response = await app.request(path, { method, headers }, { ip: `192.0.2.${host}` });
        answers.push([response.headers.get('x-request-id'), response.status]);
      }
    }
    expect(seen.audit.map(({ requestId, status }) => [requestId, status])).toEqual(answers);
    expect(seen.audit).toHaveLength(paths.length * METHODS.length);
    for (const { keyId: who, address, route, method, status, reason } of seen.audit) {
      // Public pages ask nobody who they are.
      if (!DOCS_PATHS.includes(route ?? '')) expect(who).toBe(keyId);
      expect(address).toMatch(/^192\.0\.2\./);
      expect([...METHODS, 'other']).toContain(method);
      if (status >= 400) expect(reason).toBeDefined();
    }
  });

  it.each<[number, string, Partial<AppDeps>, RequestInit]>([
    [400, 'a bad time budget', {}, { headers: { 'x-headgate-timeout-ms': 'soon' } }],
    [413, 'a body that is too large', {}, { body: new Uint8Array(CONFIG.limits.body_bytes + 1) }],
    [415, 'no image', {}, { body: 'text' }],
    [429, 'a used up quota', {}, { headers: { 'x-api-key': KEYS.client } }],
    [500, 'a fault of ours', { predictor: { predict: () => Promise.reject(new Error('bug')) } }, {}],
    [
      503,
      'an overloaded model',
      { predictor: { predict: () => Promise.reject(new HeadgateError('overloaded', 'full')) } },
      {},
    ],
    [
      504,
      'a missed deadline',
      { predictor: { predict: () => Promise.reject(new HeadgateError('deadline_exceeded', 'late')) } },
      {},
    ],
  ])('%i: %s', async (status, _, deps, init) => {
    const { send, seen } = await fixture(deps);
    const { headers, ...more } = init;
    const request = {
      method: 'POST',
      body: pngHeader(8, 8),
      headers: { 'content-type': 'image/png', ...headers },
      ...more,
    };
    const statuses: number[] = [];
    for (let i = 0; i < (status === 429 ? 12 : 1); i++)
      statuses.push((await send('/predict', request)).status);
    expect(statuses.at(-1)).toBe(status);
    expect(seen.audit.map((entry) => entry.status)).toEqual(statuses);
    expect(seen.audit.at(-1)?.reason).toBeDefined();
  });
});

describe('what is no request at all', () => {
  let server: HttpServer | undefined;
  afterEach(() => server?.drain(0));

  it.each([
    ['garbage', 'GARBAGE\r\n\r\n', 400, 'invalid_request'],
    [
      'too many headers',
      `GET / HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'two ways to say how long it is',
      'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
      400,
      'invalid_request',
    ],
  ])('is on record too: %s', async (_, text, status, reason) => {
    const gateway = await fixture();
    server = await serveApp(gateway);
    await using socket = await rawConnection(server.port);
    socket.write(text);
    const answer = await socket.answer();
    const requestId = answer?.headers['x-request-id'];
    expect(requestId).toBeDefined();
    expect(gateway.seen.audit).toMatchObject([
      { status, reason, requestId, keyId: undefined, route: 'other' },
    ]);
  });
});
