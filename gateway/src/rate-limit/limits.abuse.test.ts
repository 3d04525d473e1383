import type { RateLimitConfig } from '@headgate/contracts/config/schema';
import { HeadgateError } from '@headgate/contracts/errors';
import { toldQuotas } from '@headgate/testkit/rate-limit-fields';
import { describe, expect, it } from 'vitest';
import { CONFIG, type Fixture, fixture, KEYS } from '../testing/app-fixture.ts';
import { countedBody, streamed } from '../testing/bodies.ts';
import { pngHeader } from '../testing/images.ts';

/** Sends one request and answers its status. */
async function status(app: Fixture, path: string, { key = KEYS.client as string, ip = '192.0.2.1' } = {}) {
  return (await call(app, path, key, ip)).status;
}

function call(
  { send }: Fixture,
  path: string,
  key: string = KEYS.client,
  ip = '192.0.2.1',
): Promise<Response> {
  const image = { method: 'POST', body: pngHeader(8, 8) };
  const headers = { 'content-type': 'image/png', 'x-api-key': key };
  return send(path, { ...(path.endsWith('predict') || path.endsWith('infer') ? image : {}), headers, ip });
}

async function statuses(
  count: number,
  send: (i: number) => Promise<number>,
): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const each = await send(i);
    seen[each] = (seen[each] ?? 0) + 1;
  }
  return seen;
}

describe('the limit of predict-like routes', () => {
  it('is one count for all of them, by key', async () => {
    const app = await fixture();
    const paths = ['/predict', '/v1/models/net/predict', '/v2/models/net/infer'];
    for (let i = 0; i < 10; i++) expect(await status(app, paths[i % 3] as string)).not.toBe(429);
    for (const path of paths) expect(await status(app, path)).toBe(429);
    expect(await status(app, '/v1/models')).toBe(200);
  });

  it('is named in the refusal, with the wait, and with whose it is', async () => {
    const app = await fixture();
    for (let i = 0; i < 10; i++) await call(app, '/predict');
    const detail = async (key: string) =>
      ((await (await call(app, '/predict', key)).json()) as { detail: string }).detail;
    expect(await detail(KEYS.client)).toMatch(
      /^The quota of this API key is used up: 10 requests in 60 s on routes of the kind predict; try again in \d+ s\.$/,
    );
    expect(await detail(KEYS.other)).toMatch(/^The quota of this address is used up: 10 requests in 60 s/);
  });

  it('follows the key to another address', async () => {
    const app = await fixture();
    const send = (host: number) => status(app, '/predict', { ip: `192.0.2.${host}` });
    expect(await statuses(12, send)).toEqual({ 200: 10, 429: 2 });
  });

  it('follows the address to another key', async () => {
    const app = await fixture();
    expect(await statuses(10, () => status(app, '/predict'))).toEqual({ 200: 10 });
    expect(await status(app, '/predict', { key: KEYS.other })).toBe(429);
    expect(await status(app, '/predict', { key: KEYS.other, ip: '192.0.2.2' })).toBe(200);
  });

  it('counts an IPv6 network as one address', async () => {
    const app = await fixture();
    const keys = [KEYS.client, KEYS.other];
    const send = (host: number) =>
      status(app, '/predict', { key: keys[host % 2] as string, ip: `2001:db8::${host}` });
    expect(await statuses(12, send)).toEqual({ 200: 10, 429: 2 });
    expect(app.seen.rateLimited).toEqual(['ip/predict', 'ip/predict']);
  });
});

describe('the limit of all routes', () => {
  it('counts whatever a key asks for, and what does not exist', async () => {
    const app = await fixture();
    const paths = ['/v1/models', '/nothing'];
    expect(await statuses(101, (i) => status(app, paths[i % 2] as string))).toMatchObject({ 429: 1 });
  });

  it('counts requests without a credential by their address, apart from those with one', async () => {
    const app = await fixture();
    const anonymous = async () => (await app.app.request('/v1/models', {}, { ip: '192.0.2.7' })).status;
    expect(await statuses(102, anonymous)).toEqual({ 401: 100, 429: 2 });
    expect(await status(app, '/v1/models', { ip: '192.0.2.7' })).toBe(200);
  });

  it('counts requests with a wrong credential with those without one', async () => {
    const app = await fixture();
    for (let i = 0; i < 15; i++) await status(app, '/v1/models', { key: 'wrong' });
    expect(told(await call(app, '/v1/models', 'wrong'))).toContainEqual(
      expect.objectContaining({ name: 'ip/all/anonymous/requests/60', q: 100, r: 84 }),
    );
    expect(told(await call(app, '/v1/models'))).toContainEqual(
      expect.objectContaining({ name: 'ip/all/default/requests/60', q: 100, r: 99 }),
    );
  });
});

describe('a tier', () => {
  it('replaces the limits of its key and of the address', async () => {
    const app = await fixture();
    expect(await statuses(12, () => status(app, '/predict'))).toEqual({ 200: 10, 429: 2 });
    expect(await statuses(150, () => status(app, '/predict', { key: KEYS.bench }))).toEqual({ 200: 150 });
  });

  it('of its own limits is counted apart from the others, at the same address too', async () => {
    const bench = { all: null, predict: { points: 20, window_s: 60 } };
    const rate_limit = { ...CONFIG.rate_limit, tiers: { ...CONFIG.rate_limit.tiers, bench } };
    const app = await fixture({ config: { ...CONFIG, rate_limit } });
    expect(await statuses(12, () => status(app, '/predict'))).toEqual({ 200: 10, 429: 2 });
    const other = () => status(app, '/predict', { key: KEYS.bench });
    expect(await statuses(22, other)).toEqual({ 200: 20, 429: 2 });
  });

  it('without limits answers no RateLimit headers', async () => {
    const { headers } = await call(await fixture(), '/predict', KEYS.bench);
    expect([...headers.keys()].filter((name) => name.startsWith('ratelimit'))).toEqual([]);
  });

  it('that is not configured means the default one, never no limit', async () => {
    const { bench: _, ...tiers } = CONFIG.rate_limit.tiers;
    const app = await fixture({ config: { ...CONFIG, rate_limit: { ...CONFIG.rate_limit, tiers } } });
    const send = () => status(app, '/predict', { key: KEYS.bench });
    expect(await statuses(11, send)).toEqual({ 200: 10, 429: 1 });
  });
});

describe('the headers', () => {
  it('tell every quota that the request was charged to', async () => {
    const app = await fixture();
    const group = (scope: string, name: string, q: number, r: number) => ({
      name: `${scope}/${name}/default/requests/60`,
      ...{ q, w: 60, qu: 'requests', r, t: 60 },
    });
    expect(told(await call(app, '/predict'))).toEqual([
      group('key', 'all', 100, 99),
      group('ip', 'all', 100, 99),
      group('key', 'predict', 10, 9),
      group('ip', 'predict', 10, 9),
    ]);
    expect(told(await call(app, '/v1/models'))).toEqual([
      group('key', 'all', 100, 98),
      group('ip', 'all', 100, 98),
    ]);
  });

  it('of a refusal say when to come back, and not before the last window that refuses ends', async () => {
    const limit = (points: number, window_s: number) => ({ points, window_s });
    const tier = { all: limit(2, 600), predict: [limit(2, 60), limit(2, 3600)] };
    const app = await withLimits({ tiers: { default: tier } });
    for (let i = 0; i < 2; i++) await call(app, '/predict');
    const refused = await call(app, '/predict');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3600']);
    expect(Math.max(...told(refused).map(({ t = 0 }) => t))).toBe(3600);
    expect(await refused.json()).toMatchObject({ reason: 'rate_limited', status: 429 });
    expect(new Set(app.seen.rateLimited)).toEqual(
      new Set(['key/all', 'ip/all', 'key/predict', 'ip/predict']),
    );
  });
});

describe('the limit of all callers together', () => {
  const global = { all: null, predict: { points: 12, window_s: 60 } };

  it('is counted over keys, addresses and tiers', async () => {
    const app = await withLimits({ global });
    const keys = [KEYS.client, KEYS.other, KEYS.bench];
    const send = (i: number) => status(app, '/predict', { key: keys[i % 3] as string, ip: `192.0.2.${i}` });
    expect(await statuses(15, send)).toEqual({ 200: 12, 429: 3 });
    expect(await status(app, '/v1/models')).toBe(200);
    expect(app.seen.rateLimited).toEqual(Array(3).fill('global/predict'));
  });

  it('is not used up by requests that are refused anyway', async () => {
    const app = await withLimits({ global });
    expect(await statuses(40, () => status(app, '/predict'))).toEqual({ 200: 10, 429: 30 });
    for (let i = 0; i < 19; i++) await status(app, '/predict', { key: 'wrong', ip: '192.0.2.3' });
    expect(await statuses(3, () => status(app, '/predict', { key: KEYS.bench }))).toEqual({ 200: 2, 429: 1 });
  });
});

describe('limits of single kinds of routes', () => {
  it('count those routes alone', async () => {
    const feedback = { points: 2, window_s: 60 };
    const tiers = { default: { all: null, predict: null, feedback } };
    const app = await withLimits({ tiers });
    const headers = { 'x-api-key': KEYS.client, 'content-type': 'application/json' };
    const give = async () => (await app.send('/v1/feedback', { method: 'POST', body: '{}', headers })).status;
    expect(await statuses(4, give)).toEqual({ 400: 2, 429: 2 });
    expect(await status(app, '/predict')).toBe(200);
    expect(app.seen.rateLimited).toEqual(['key/feedback', 'ip/feedback', 'key/feedback', 'ip/feedback']);
  });
});

describe('quotas that cannot be checked, where nothing is admitted then', () => {
  it('are our fault: 503, when to come back, and no credential and no body is looked at', async () => {
    const detail = 'Quotas cannot be checked right now. Please try again.';
    const refuse = () => Promise.reject(new HeadgateError('unavailable', detail, { retryAfterMs: 1000 }));
    const app = await fixture({ limiter: { consume: refuse, debit: refuse } });
    const body = countedBody();
    const response = await app.send('/predict', streamed(body.stream, { 'x-api-key': 'wrong' }));
    expect([response.status, response.headers.get('retry-after'), body.takenBytes()]).toEqual([503, '1', 0]);
    expect(await response.json()).toMatchObject({ reason: 'unavailable', detail });
    expect([app.seen.authFailures, app.seen.rateLimited]).toEqual([[], []]);
  });
});

describe('a refused request', () => {
  it('has no byte of its body read', async () => {
    const app = await fixture();
    for (let i = 0; i < 10; i++) await call(app, '/predict');
    const body = countedBody();
    const response = await app.send('/predict', streamed(body.stream, { 'x-api-key': KEYS.client }));
    expect([response.status, body.takenBytes()]).toEqual([429, 0]);
  });
});

/** The app with other limits than usual. */
function withLimits(limits: Partial<RateLimitConfig>): Promise<Fixture> {
  const rate_limit = { ...CONFIG.rate_limit, ...limits };
  return fixture({ config: { ...CONFIG, rate_limit } });
}

function told({ headers }: Response) {
  return toldQuotas((name) => headers.get(name));
}
