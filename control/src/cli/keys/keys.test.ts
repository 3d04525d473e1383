import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyFileSchema, keyIdOf } from '@headgate/contracts/keys';
import { METRIC } from '@headgate/contracts/names';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { headgate, NOW } from '../../testing/command-line.ts';
import type { Surroundings } from '../surroundings.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = tempDir();
  file = join(dir, 'keys.yaml');
});

const text = () => readFileSync(file, 'utf8');
const records = () => keyFileSchema.parse(parse(text())).keys;
const digest = (key: string) => createHash('sha256').update(key).digest('hex');

const run = (argv: readonly string[], around: Partial<Surroundings> = {}) =>
  headgate(['keys', ...argv, '--file', file], {
    ...around,
    env: { HEADGATE_ROUTING_FILE: join(dir, 'routing.yaml'), ...around.env },
  });
async function ok(argv: readonly string[], around: Partial<Surroundings> = {}) {
  const { code, out, err } = await run([...argv, '--json'], around);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}
const create = (...more: string[]) => ok(['create', '--name', 'Alice', ...more]);
const after = (ms: number): Partial<Surroundings> => ({ nowMs: () => NOW + ms });
const HOUR_MS = 3_600_000;

describe('headgate keys create', () => {
  it('shows a key of 256 bits once and stores its digest alone', async () => {
    const { id, key } = await create();
    const [record] = records();
    expect(keyIdOf(key)).toBe(id);
    expect(Buffer.from(key.split('_').slice(2).join('_'), 'base64url')).toHaveLength(32);
    expect(record).toEqual({
      id,
      sha256: digest(key),
      name: 'Alice',
      role: 'client',
      tier: 'default',
      created_at: '2030-01-01T00:00:00Z',
    });
    expect(text()).not.toContain(key.slice(-43));
    expect((await run(['list'])).out).not.toContain(digest(key));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('writes role, scopes and expiry', async () => {
    await create(
      '--role',
      'tester',
      '--model',
      'a',
      'b',
      '--route',
      'predict',
      'read',
      '--expires-in',
      '90d',
    );
    expect(records()[0]).toMatchObject({
      role: 'tester',
      scopes: { models: ['a', 'b'], routes: ['predict', 'read'] },
      not_after: '2030-04-01T00:00:00Z',
    });
  });

  it('warns of a model that the routing table does not name, and makes the key', async () => {
    const routing = { schema: 1, default_model: 'shoes', models: { shoes: { version: '1' } } };
    writeFileSync(join(dir, 'routing.yaml'), JSON.stringify(routing));
    const { code, err } = await run(['create', '--name', 'Alice', '--model', 'shoes', 'sheos']);
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: no model sheos is in the routing table \(it names: shoes\)[^\n]*\n$/);
    expect(records()).toMatchObject([{ scopes: { models: ['shoes', 'sheos'] } }]);
  });

  it.each([
    ['an unknown tier', ['--tier', 'gold'], 'default'],
    ['an unknown role', ['--role', 'root'], 'tester'],
    ['an unknown route', ['--route', 'all'], 'feedback'],
    ['a duration without a unit', ['--expires-in', '90'], '30m'],
    ['a name that is too long', ['--name', 'x'.repeat(65)], 'name'],
  ])('refuses %s, says what is accepted, and writes nothing', async (_, options, hint) => {
    const { code, err } = await run(['create', '--name', 'Alice', ...options]);
    expect(code).toBe(2);
    expect(err).toContain(hint);
    expect(text).toThrow('ENOENT');
  });

  it('leaves a file alone that it does not understand, and never quotes it', async () => {
    writeFileSync(file, 'keys: [{ id: alice, secret: hunter2 }]');
    const { code, err } = await run(['create', '--name', 'Bob']);
    expect(code).toBe(2);
    expect(err).not.toContain('hunter2');
    expect(text()).toContain('hunter2');
  });
});

describe('headgate keys rotate', () => {
  it('keeps the id, and both secrets valid until the overlap ends', async () => {
    const { id, key: old } = await create('--model', 'a');
    const { key, previous_not_after } = await ok(['rotate', id, '--overlap', '2h']);
    expect(keyIdOf(key)).toBe(id);
    expect(previous_not_after).toBe('2030-01-01T02:00:00Z');
    expect(records()).toMatchObject([
      {
        id,
        sha256: digest(key),
        scopes: { models: ['a'] },
        previous: { sha256: digest(old), not_after: previous_not_after },
      },
    ]);
  });

  it('never lets the old secret outlive the key', async () => {
    const { id } = await create('--expires-in', '1h');
    expect((await ok(['rotate', id])).previous_not_after).toBe('2030-01-01T01:00:00Z');
    expect((await run(['rotate', id], after(HOUR_MS))).code).toBe(5);
  });

  it('refuses a second rotation during the overlap, unless the oldest secret may go', async () => {
    const { id } = await create();
    const { key: second } = await ok(['rotate', id, '--overlap', '1h']);
    const refused = await run(['rotate', id]);
    expect([refused.code, records()[0]?.sha256]).toEqual([5, digest(second)]);
    expect(refused.err).toContain('--drop-previous');
    await ok(['rotate', id, '--drop-previous']);
    expect(records()[0]?.previous?.sha256).toBe(digest(second));
    await ok(['rotate', id], after(25 * HOUR_MS));
  });

  it('without an overlap ends the old secret at once', async () => {
    const { id } = await create();
    expect((await ok(['rotate', id, '--overlap', '0s'])).previous_not_after).toBeNull();
    expect(records()[0]?.previous).toBeUndefined();
  });
});

describe('headgate keys revoke', () => {
  it('removes the key and no other', async () => {
    const [alice, bob] = [await create(), await create()];
    await ok(['revoke', alice.id]);
    expect(records().map(({ id }) => id)).toEqual([bob.id]);
  });

  it('may end an overlap alone', async () => {
    const { id } = await create();
    const { key } = await ok(['rotate', id]);
    await ok(['revoke', id, '--previous']);
    expect(records()).toMatchObject([{ id, sha256: digest(key) }]);
    expect(records()[0]?.previous).toBeUndefined();
    expect((await run(['revoke', id, '--previous'])).code).toBe(4);
  });

  it.each(['revoke', 'rotate'])('and rotate say so when there is no such key: %s', async (verb) => {
    await create();
    const { code, err } = await run([verb, 'nobody']);
    expect(code).toBe(4);
    expect(err).toContain('headgate keys list');
  });
});

describe('headgate keys list', () => {
  const serving = (answers: Record<string, string>): Partial<Surroundings> => ({
    fetch: async (url) =>
      new Response(answers[String(url)] ?? '', { status: answers[String(url)] ? 200 : 500 }),
  });
  const sample = (id: string, secret: string, iso: string) =>
    `${METRIC.keyLastUsed}{key_id="${id}",secret="${secret}"} ${Date.parse(iso) / 1000}\n`;

  it('shows the newest use that any gateway saw', async () => {
    const { id } = await create();
    const around = serving({
      'http://a/metrics': `# HELP x\n${sample(id, 'current', '2029-12-31T10:00:00Z')}`,
      'http://b/metrics': `${sample(id, 'current', '2029-12-31T12:00:00Z')}${sample(id, 'previous', '2029-12-30T00:00:00Z')}`,
    });
    const { keys } = await ok(['list', '--metrics-url', 'http://a/metrics', 'http://b/metrics'], around);
    expect(keys[0].last_used).toEqual({ current: '2029-12-31T12:00:00Z', previous: '2029-12-30T00:00:00Z' });
  });

  it('says unknown when a gateway cannot be asked, and null when all say never', async () => {
    await create();
    const [deaf] = (await ok(['list'])).keys;
    expect(deaf.last_used).toEqual({ current: 'unknown', previous: 'unknown' });
    const around = serving({ 'http://a/metrics': '# nothing' });
    const [unused] = (await ok(['list', '--metrics-url', 'http://a/metrics'], around)).keys;
    expect(unused.last_used).toEqual({ current: null, previous: null });
    const [half] = (await ok(['list', '--metrics-url', 'http://a/metrics', 'http://b/metrics'], around)).keys;
    expect(half.last_used.current).toBe('unknown');
  });

  it('tells expired keys and lasting overlaps', async () => {
    const { id } = await create('--expires-in', '2h');
    await ok(['rotate', id, '--overlap', '1h']);
    const state = async (ms: number) => {
      const [key] = (await ok(['list'], after(ms))).keys;
      return [key.state, key.previous_not_after];
    };
    expect(await state(0)).toEqual(['valid', '2030-01-01T01:00:00Z']);
    expect(await state(HOUR_MS)).toEqual(['valid', null]);
    expect(await state(2 * HOUR_MS)).toEqual(['expired', null]);
    expect((await run(['list'])).out).toMatch(/^ID .*\n.*Alice/);
  });
});
