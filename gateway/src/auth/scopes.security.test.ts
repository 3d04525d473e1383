import { createHash } from 'node:crypto';
import type { KeyRecord } from '@headgate/contracts/keys';
import { parseRouting } from '@headgate/contracts/routing';
import { systemClock } from '@headgate/runtime/clock';
import { memoryKeyStore } from '@headgate/runtime/keys/key-store';
import { describe, expect, it } from 'vitest';
import { reasonOf } from '../testing/answers.ts';
import { type Fixture, fixture, ROUTING } from '../testing/app-fixture.ts';
import { countedBody, streamed } from '../testing/bodies.ts';
import { pngHeader } from '../testing/images.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const CURRENT = `hg_alice_${'n'.repeat(43)}`;
const PREVIOUS = `hg_alice_${'p'.repeat(43)}`;
const digest = (key: string) => createHash('sha256').update(key).digest('hex');

const RECORD: KeyRecord = {
  id: 'alice',
  sha256: digest(CURRENT),
  name: 'Alice',
  role: 'admin',
  tier: 'bench',
};
const TWO_MODELS = parseRouting({ ...ROUTING, models: { ...ROUTING.models, secret: ROUTING.models.net } });

/** A gateway that knows one key. */
function knowing(record: Partial<KeyRecord>, nowMs = NOW): Promise<Fixture> {
  return fixture({
    keys: memoryKeyStore([{ ...RECORD, ...record }]),
    routing: { current: () => TWO_MODELS },
    clock: { ...systemClock, epochMs: () => nowMs },
  });
}

async function statusOf({ send }: Fixture, path: string, method = 'GET', key = CURRENT) {
  const image = method === 'POST' && path.endsWith('predict');
  const response = await send(path, {
    method,
    ...(image && { body: pngHeader(8, 8) }),
    headers: { 'x-api-key': key, ...(image && { 'content-type': 'image/png' }) },
  });
  if (response.status !== 403) return response.status;
  return `403 ${await reasonOf(response)}`;
}

describe('a key that is limited to a model', () => {
  const scopes = { models: ['secret'] };

  it('asks that one and no other, whether it exists or not', async () => {
    const gateway = await knowing({ scopes });
    expect(await statusOf(gateway, '/v1/models/secret/predict', 'POST')).toBe(200);
    for (const path of [
      '/predict',
      '/v1/models/net/predict',
      '/v1/models/nothing/predict',
      '/v1/models/net/versions/1/predict',
      '/v2/models/net/infer',
      '/v2/models/net/versions/1/infer',
      '/v2/repository/models/net/load',
    ]) {
      expect([path, await statusOf(gateway, path, 'POST')]).toEqual([path, '403 scope_missing']);
    }
    for (const path of [
      '/v2/models/net',
      '/v2/models/net/ready',
      '/v2/models/net/config',
      '/v2/models/net/stats',
    ]) {
      expect([path, await statusOf(gateway, path)]).toEqual([path, '403 scope_missing']);
    }
  });

  it('sees that one in the list, and no numbers of all of them', async () => {
    const gateway = await knowing({ scopes });
    const answer = await gateway.send('/v1/models', { headers: { 'x-api-key': CURRENT } });
    const text = await answer.text();
    const { default_model, models } = JSON.parse(text);
    expect(models.map(({ name }: { name: string }) => name)).toEqual(['secret']);
    expect(default_model).toBeNull();
    expect(text).not.toContain('"net"');
    expect(await statusOf(gateway, '/v2/models/stats')).toBe('403 scope_missing');
    expect(await statusOf(gateway, '/v2/repository/index', 'POST')).toBe('403 scope_missing');
  });

  it('sees which model is the default one where it may use that', async () => {
    const gateway = await knowing({ scopes: { models: ['net'] } });
    const answer = await gateway.send('/v1/models', { headers: { 'x-api-key': CURRENT } });
    expect(await answer.json()).toMatchObject({ default_model: 'net', models: [{ name: 'net' }] });
  });

  it('is refused before a byte of the body is read', async () => {
    const { app } = await knowing({ scopes });
    const body = countedBody();
    const init = streamed(body.stream, { 'x-api-key': CURRENT });
    expect((await app.request('/predict', init, { ip: '192.0.2.1' })).status).toBe(403);
    expect(body.takenBytes()).toBe(0);
  });
});

describe('a key that is limited to some routes', () => {
  it.each([
    ['predict', '/predict', 'POST'],
    ['predict', '/v2/models/net/versions/1/infer', 'POST'],
    ['read', '/v1/models', 'GET'],
    ['read', '/v2/health/ready', 'GET'],
    ['operate', '/v2/models/stats', 'GET'],
    ['operate', '/v2/repository/models/net/unload', 'POST'],
  ] as const)('needs %s for %s', async (scope, path, method) => {
    const others = (['predict', 'feedback', 'read', 'operate'] as const).filter((one) => one !== scope);
    expect(await statusOf(await knowing({ scopes: { routes: others } }), path, method)).toBe(
      '403 scope_missing',
    );
    expect(await statusOf(await knowing({ scopes: { routes: [scope] } }), path, method)).not.toBe(
      '403 scope_missing',
    );
  });

  it('gets nothing that its role does not allow', async () => {
    const gateway = await knowing({ role: 'client', scopes: { routes: ['operate'] } });
    expect(await statusOf(gateway, '/v2/models/stats')).toBe('403 scope_missing');
  });
});

describe('a key with an end', () => {
  it.each([
    [-1, 200],
    [0, '403 wrong_key'],
  ])('is judged %i ms from it: %s', async (ms, expected) => {
    const not_after = new Date(NOW).toISOString();
    expect(await statusOf(await knowing({ not_after }, NOW + ms), '/v1/models')).toBe(expected);
  });
});

describe('a rotated key', () => {
  const previous = { sha256: digest(PREVIOUS), not_after: new Date(NOW + 1000).toISOString() };

  it('is accepted by both secrets, as the same caller, until the overlap ends', async () => {
    const during = await knowing({ previous }, NOW + 999);
    expect(await statusOf(during, '/v1/models', 'GET', CURRENT)).toBe(200);
    expect(await statusOf(during, '/v1/models', 'GET', PREVIOUS)).toBe(200);
    expect(during.seen.requests.map(({ keyId }) => keyId)).toEqual(['alice', 'alice']);
    expect(during.seen.keysUsed).toEqual(['alice/current', 'alice/previous']);
    const after = await knowing({ previous }, NOW + 1000);
    expect(await statusOf(after, '/v1/models', 'GET', CURRENT)).toBe(200);
    expect(await statusOf(after, '/v1/models', 'GET', PREVIOUS)).toBe('403 wrong_key');
    expect(after.seen.keysUsed).toEqual(['alice/current']);
  });

  it('ends for both secrets when the key itself does', async () => {
    const ended = await knowing({ previous, not_after: new Date(NOW).toISOString() });
    for (const key of [CURRENT, PREVIOUS]) {
      expect(await statusOf(ended, '/v1/models', 'GET', key)).toBe('403 wrong_key');
    }
  });
});
