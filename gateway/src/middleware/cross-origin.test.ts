import { HeadgateError } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import { CONFIG, fixture, KEYS } from '../testing/app-fixture.ts';
import { pngHeader } from '../testing/images.ts';

const APP = 'https://app.example.com';
const LOCAL = 'http://localhost:5173';
const EVIL = 'https://app.example.com.evil.example';

const withOrigins = (...origins: string[]) =>
  fixture({ config: { ...CONFIG, cors: { origins, max_age_s: 600 } } });

const preflight = (origin: string, more: Record<string, string> = {}) => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-api-key',
    ...more,
  },
});

/** Asks without a credential. */
type App = Awaited<ReturnType<typeof fixture>>['app'];
const ask = (app: App, path: string, init: RequestInit, ip = '192.0.2.1') => app.request(path, init, { ip });
const corsHeaders = (answer: Response) =>
  Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith('access-control-')));

describe('a preflight request', () => {
  it.each([APP, LOCAL])('from the allowed origin %s says what a page may do', async (origin) => {
    const { app, seen } = await withOrigins(APP, LOCAL);
    const answer = await ask(app, '/v2/models/net/infer', preflight(origin));
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect(corsHeaders(answer)).toEqual({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET,HEAD,POST',
      'access-control-allow-headers': expect.stringMatching(/content-type,.*x-api-key,.*x-headgate-unit/),
      'access-control-expose-headers': expect.stringMatching(
        /ratelimit,ratelimit-policy,x-request-id,retry-after/,
      ),
      'access-control-max-age': '600',
    });
    expect(answer.headers.get('vary')).toContain('Origin');
    expect(seen.requests).toMatchObject([{ method: 'OPTIONS', status: 204 }]);
    expect(seen.audit).toMatchObject([{ method: 'OPTIONS', status: 204 }]);
  });

  it('costs no quota, of a key or of an address', async () => {
    const { app, send, seen } = await withOrigins(APP);
    for (let i = 0; i < 200; i += 1) expect((await ask(app, '/predict', preflight(APP))).status).toBe(204);
    expect([seen.authFailures, seen.rateLimited]).toEqual([[], []]);
    const left = (await send('/v1/models', { headers: { 'x-api-key': KEYS.client } })).headers.get(
      'ratelimit',
    );
    expect(left).toMatch(/r=99/);
    expect((await ask(app, '/v1/models', {})).status).toBe(401);
  });

  it.each([
    ['an origin that is not named', EVIL],
    ['another scheme', 'http://app.example.com'],
    ['another port', `${APP}:8443`],
    ['no origin of its own', 'null'],
    ['an origin in capitals', APP.toUpperCase()],
  ])('from %s is refused without headers for a page, and names the setting', async (_, origin) => {
    const { app } = await withOrigins(APP);
    const answer = await ask(app, '/predict', preflight(origin));
    expect([answer.status, await answer.json()]).toEqual([
      403,
      expect.objectContaining({
        reason: 'origin_not_allowed',
        detail: expect.stringContaining('gateway.cors.origins'),
      }),
    ]);
    expect(corsHeaders(answer)).toEqual({});
    expect(answer.headers.get('vary')).toBe('Origin');
  });

  it('that is refused is charged to its address, and locks nobody out', async () => {
    const { app, seen } = await withOrigins();
    const statuses = [];
    for (let i = 0; i < 101; i += 1) statuses.push((await ask(app, '/predict', preflight(APP))).status);
    expect(statuses).toEqual([...Array(100).fill(403), 429]);
    expect(seen.authFailures).toEqual([]);
  });

  it.each([
    [
      'OPTIONS without an origin',
      { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } },
    ],
    ['OPTIONS that asks for no method', { method: 'OPTIONS', headers: { origin: APP } }],
  ])('is more than %s, which needs a credential as ever', async (_, init) => {
    const { app } = await withOrigins(APP);
    expect((await ask(app, '/predict', init)).status).toBe(401);
  });
});

describe('an answer', () => {
  const photo = (headers: Record<string, string> = {}) => ({
    method: 'POST',
    body: pngHeader(8, 8),
    headers: { origin: APP, ...headers },
  });

  it.each([
    ['a prediction', '/predict', photo(), 200],
    ['an unknown address', '/nothing', { headers: { origin: APP } }, 404],
    ['a wrong method', '/predict', { headers: { origin: APP } }, 405],
    ['a wrong key', '/predict', photo({ 'x-api-key': 'hg_wrong' }), 403],
    ['a wrong token', '/predict', photo({ 'x-api-key': '', authorization: 'Bearer x' }), 403],
    ['an impossible time limit', '/predict', photo({ 'x-headgate-timeout-ms': 'x' }), 400],
    ['an unknown coding', '/predict', photo({ 'content-encoding': 'br' }), 415],
    ['a large body', '/predict', { ...photo(), body: new Uint8Array(2 ** 20 + 1) }, 413],
  ])('to an allowed origin can be read: %s', async (_, path, init, status) => {
    const { send } = await withOrigins(LOCAL, APP);
    const answer = await send(path, init);
    expect(answer.status).toBe(status);
    expect(corsHeaders(answer)).toEqual({
      'access-control-allow-origin': APP,
      'access-control-expose-headers': expect.stringContaining('x-request-id'),
    });
    expect(answer.headers.get('vary')).toBe('Origin');
  });

  it('that is malformed, refused for its quota or without a credential can be read as well', async () => {
    const { app, send } = await withOrigins(APP);
    const malformed = new HeadgateError('invalid_request', 'x');
    const answers = [
      await app.request('/', { headers: { origin: APP } }, { ip: '192.0.2.1', malformed }),
      await ask(app, '/predict', photo()),
    ];
    const headers = { origin: APP, 'x-api-key': KEYS.client };
    for (let i = 0; i < 101; i += 1) answers[2] = await send('/v1/models', { headers });
    expect(answers.map(({ status }) => status)).toEqual([400, 401, 429]);
    for (const answer of answers) expect(answer.headers.get('access-control-allow-origin')).toBe(APP);
  });

  it('to anybody else has no such header, but tells caches that it differs', async () => {
    const { send } = await withOrigins(APP);
    for (const headers of [{ origin: EVIL }, {}]) {
      const answer = await send('/v1/models', { headers });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, null]);
      expect(answer.headers.get('vary')).toBe('Origin');
    }
  });

  it('never allows the credentials of a browser', async () => {
    for (const origins of [[APP], ['*']]) {
      const { app, send } = await withOrigins(...origins);
      const answers = [await send('/predict', photo()), await ask(app, '/predict', preflight(APP))];
      for (const answer of answers) {
        expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      }
    }
  });

  it('is the same for all where all origins are allowed', async () => {
    const { app, send } = await withOrigins('*');
    const answer = await send('/predict', photo());
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('vary')).toBeNull();
    expect((await ask(app, '/predict', preflight(EVIL))).status).toBe(204);
  });

  it('says nothing about origins by default', async () => {
    const { send } = await fixture();
    const answer = await send('/predict', photo());
    expect([corsHeaders(answer), answer.headers.get('vary')]).toEqual([{}, null]);
  });
});
