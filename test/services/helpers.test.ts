import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isAlive } from '@headgate/testkit/processes';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { startRedis, type TestRedis } from '@headgate/testkit/services/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('a Redis for tests', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  it('is another process on the same port after a crash', async () => {
    const before = redis.pid() as number;
    await redis.kill();
    expect([redis.pid(), isAlive(before)]).toEqual([undefined, false]);
    await redis.start();
    expect(redis.pid()).not.toBe(before);
    expect(isAlive(redis.pid() as number)).toBe(true);
  });

  it('ends in order', async () => {
    await redis.stop();
    expect(redis.pid()).toBeUndefined();
    await redis.start();
  });
});

describe('a PostgreSQL for tests', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgresCluster({ replica: true });
  });
  afterAll(() => postgres.close());

  it('has a synchronous standby, which takes no writes before it is promoted', async () => {
    const { primary, replica } = postgres;
    const states = await primary.sql('SELECT application_name, sync_state FROM pg_stat_replication');
    expect(states.trim()).toBe('replica|sync');
    await expect(replica?.sql('CREATE TABLE refused (a int)')).rejects.toThrow('read-only');
  });

  it('keeps what was committed, also over a crash', async () => {
    const { primary } = postgres;
    await primary.sql('CREATE TABLE kept AS SELECT 42 AS number');
    await primary.kill();
    await expect(primary.sql('SELECT 1')).rejects.toThrow('psql failed');
    await primary.start();
    expect((await primary.sql('SELECT number FROM kept')).trim()).toBe('42');
  });

  it('refuses whoever has no password', async () => {
    const { primary } = postgres;
    const url = new URL(primary.url);
    expect(url.password).not.toBe('');
    expect(
      (await primary.sql("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'")).trim(),
    ).toBe('0');
  });
});

it('leaves no folder behind', async () => {
  const redis = await startRedis();
  const dir = dirname(redis.logFile);
  expect(statSync(dir).isDirectory()).toBe(true);
  await redis.close();
  expect(statSync(dir, { throwIfNoEntry: false })).toBeUndefined();
});
