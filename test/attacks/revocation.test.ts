import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type AuditRecord, unlink } from '@headgate/journal/audit/chain';
import { eventually } from '@headgate/testkit/eventually';
import { fetchOnce, type Headers, httpClient } from '@headgate/testkit/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLog } from '../../control/src/audit/read-log.ts';
import { headgate } from '../../control/src/testing/command-line.ts';
import { KEYS } from '../../gateway/src/testing/app-fixture.ts';
import { mountSmallDisk } from '../services/small-disk.ts';
import { type OneGateway, startOneGateway } from './one-gateway.ts';

/** The log, its heads and the keys of its names; and the key file. */
const [logs, keys] = [mountSmallDisk(2 ** 20), mountSmallDisk(2 ** 19)];

describe.skipIf(!logs || !keys)('With every disk full (needs root for a tmpfs)', () => {
  const audit = logs?.dir ?? '';
  const keysFile = join(keys?.dir ?? '', 'keys.yaml');
  const env = {
    HEADGATE_AUDIT__SINK: 'file',
    HEADGATE_AUDIT__STORE: 'none',
    HEADGATE_AUDIT__DIR: join(audit, 'log'),
    HEADGATE_AUDIT__HEADS_FILE: join(audit, 'heads.jsonl'),
    HEADGATE_AUDIT__KEYS_DIR: join(audit, 'names'),
    HEADGATE_GATEWAY__KEYS_FILE: keysFile,
  };
  const run = (...argv: string[]) => headgate(argv, { env, nowMs: Date.now });
  const create = async (): Promise<{ id: string; key: string }> =>
    JSON.parse((await run('keys', 'create', '--name', 'x', '--json')).out);
  const statusOf = async (key: string) =>
    (await fetchOnce(`${gateway.origin}/v1/models`, { 'x-api-key': key })).status;
  const changes = async () => {
    const found: AuditRecord[] = [];
    for await (const bytes of readLog(join(audit, 'log', `headgate-${hostname()}`))) {
      const record = unlink(bytes)?.record;
      if (record) found.push(record);
    }
    return found.flatMap((one) => (one.type === 'change' ? [`${one.action} ${one.outcome}`] : []));
  };

  let gateway: OneGateway;
  const created: { id: string; key: string }[] = [];
  beforeAll(async () => {
    for (let i = 0; i < 20; i++) created.push(await create());
    gateway = await startOneGateway(env);
    for (const disk of [logs, keys]) disk?.fill();
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    for (const disk of [logs, keys]) disk?.remove();
  });

  it('nothing is granted', async () => {
    const before = readFileSync(keysFile, 'utf8');
    for (const argv of [
      ['create', '--name', 'y'],
      ['rotate', created[0]?.id as string],
    ]) {
      expect(await run('keys', ...argv)).toMatchObject({
        code: 1,
        err: expect.stringContaining('nothing was changed'),
      });
    }
    expect(readFileSync(keysFile, 'utf8')).toBe(before);
  });

  it('a key is revoked: refused within seconds, and on record', async () => {
    const [{ id, key }] = created as [(typeof created)[0]];
    expect(await statusOf(key)).toBe(200);
    expect(await run('keys', 'revoke', id)).toMatchObject({ code: 0, err: '' });
    await eventually(async () => (await statusOf(key)) === 403, 'the refusal of the revoked key');
    expect(await statusOf(created[1]?.key as string)).toBe(200);
    expect((await changes()).slice(-2)).toEqual(['keys.revoke attempted', 'keys.revoke accepted']);
  });

  it('each further revocation is made, and the one that finds no more room for its record says so', async () => {
    const told: string[] = [];
    for (const { id } of created.slice(1, 19)) {
      const { code, err } = await run('keys', 'revoke', id);
      expect(code).toBe(0);
      told.push(err);
    }
    expect(readFileSync(keysFile, 'utf8')).not.toContain(created[18]?.id);
    expect(told.filter((err) => err !== '')).not.toEqual([]);
    for (const err of told.filter((one) => one !== ''))
      expect(err).toMatch(/note it yourself: keys.revoke|only its attempt was recorded/);
    const attempted = (await changes()).filter((one) => one === 'keys.revoke attempted').length;
    expect(attempted).toBe(1 + told.filter((err) => !err.includes('note it yourself')).length);
  });

  it('and once there is room again, the chain is whole and the reserve is kept for the next time', async () => {
    for (const disk of [logs, keys]) disk?.free();
    await create();
    expect((await run('audit', 'verify')).err).not.toMatch(/is (altered|removed|reordered|replaced)/);
    for (const disk of [logs, keys]) disk?.fill();
    expect(await run('keys', 'revoke', created[19]?.id as string)).toMatchObject({ code: 0, err: '' });
    for (const disk of [logs, keys]) disk?.free();
  });
});

describe.skipIf(process.platform !== 'linux')('A gateway without a free file descriptor', () => {
  it('takes the revocation of a key as soon as it has one again', async () => {
    await using gateway = await startOneGateway();
    const statusOf = async () =>
      (await fetchOnce(`${gateway.origin}/v1/models`, { 'x-api-key': KEYS.bench })).status;
    const limit = (files: string) =>
      execFileSync('prlimit', ['--pid', `${gateway.pid}`, `--nofile=${files}`]);
    expect(await statusOf()).toBe(200);
    limit('3:');
    writeFileSync(join(gateway.dir, 'keys.yaml'), 'keys: []\n');
    const output = () => readFileSync(join(gateway.dir, 'gateway.log'), 'utf8');
    await eventually(() => output().includes('the file cannot be read'), 'the failed look at the keys');
    limit('1024:');
    await eventually(async () => (await statusOf()) === 403, 'the refusal of the revoked key');
  });
});

describe('3,000 requests of strangers', () => {
  it('leave few records, which count them all, and each identified call has its own', async () => {
    await using gateway = await startOneGateway();
    const client = httpClient(gateway.origin);
    const ask = (headers: Headers = {}) => client.send({ method: 'GET', path: '/v1/models', headers });
    const sizeOf = async () =>
      (await gateway.records()).reduce((sum, one) => sum + JSON.stringify(one).length, 0);
    const before = await sizeOf();
    for (let round = 0; round < 60; round++) {
      const strangers = Array.from({ length: 50 }, (_, i) =>
        ask(i % 2 === 0 ? {} : { 'x-api-key': 'wrong' }),
      );
      await Promise.all([...strangers, ask({ 'x-api-key': KEYS.bench })]);
    }
    await client.close();
    const strangersOn = (records: readonly AuditRecord[]) =>
      records.reduce(
        (sum, one) =>
          sum + (one.type === 'aggregate' ? one.calls : one.type === 'call' && one.who === null ? 1 : 0),
        0,
      );
    await eventually(async () => strangersOn(await gateway.records()) === 3000, 'the count of all strangers');
    const records = await gateway.records();
    expect(records.filter((one) => one.type === 'call' && one.who !== null)).toHaveLength(60);
    const grown = (await sizeOf()) - before;
    console.info(`3,060 requests, ${grown} bytes of records`);
    expect(grown).toBeLessThan(100_000);
  });
});
