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

  it('counts requests without a credential by their address', async () => {
    const app = await fixture();
    const anonymous = async () => (await app.app.request('/v1/models', {}, { ip: '192.0.2.7' })).status;
    expect(await statuses(102, anonymous)).toEqual({ 401: 100, 429: 2 });
    expect(await status(app, '/v1/models', { ip: '192.0.2.7' })).toBe(429);
  });

  it('counts requests with a wrong credential by their address too', async () => {
    const app = await fixture();
    for (let i = 0; i < 15; i++) await status(app, '/v1/models', { key: 'wrong' });
    expect(rateLimitOf(await call(app, '/v1/models'))).toEqual(['100', '84', '60']);
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
  it('describe the quota that is nearest to its end', async () => {
    const app = await fixture();
    const predicted = await call(app, '/predict');
    expect(rateLimitOf(predicted)).toEqual(['10', '9', '60']);
    const listed = await call(app, '/v1/models');
    expect(rateLimitOf(listed)).toEqual(['100', '98', '60']);
  });

  it('of a refusal say when to come back', async () => {
    const app = await fixture();
    for (let i = 0; i < 10; i++) await call(app, '/predict');
    const refused = await call(app, '/predict');
    expect([refused.status, ...rateLimitOf(refused)]).toEqual([429, '10', '0', '60']);
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(await refused.json()).toMatchObject({ reason: 'rate_limited', status: 429 });
    expect(app.seen.rateLimited).toEqual(['key/predict', 'ip/predict']);
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

function rateLimitOf({ headers }: Response): (string | null)[] {
  return ['limit', 'remaining', 'reset'].map((name) => headers.get(`ratelimit-${name}`));
}
