import { openPostgres } from '@headgate/stores/postgres/database';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { idAt, NOW_MS, predictionOf } from '@headgate/stores/testing/records';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { startRedis } from '@headgate/testkit/services/redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectRedis, redisLimiter } from '../../gateway/src/rate-limit/redis.ts';

/** The steps of docs/security.md, done. */

const TIMEOUT_MS = 10_000;
const { signal } = new AbortController();
const record = (n: number) => predictionOf({ id: idAt(NOW_MS, n) });

let cluster: TestPostgres;
beforeAll(async () => {
  cluster = await startPostgresCluster({ replica: false });
  await cluster.primary.sql("CREATE ROLE gateway LOGIN SUPERUSER PASSWORD 'first'");
});
afterAll(() => cluster?.close());

/** What a gateway does with this password in `records.postgres_url`. */
async function sinkWith(password: string) {
  const url = new URL(cluster.url);
  url.username = 'gateway';
  url.password = password;
  const db = await openPostgres({ url: url.href, timeoutMs: TIMEOUT_MS });
  const sink = sqlSink({ db, retentionDays: 90, now: () => NOW_MS });
  return { deliver: (n: number) => sink.deliver([record(n)], signal), close: () => db.close() };
}

it('the password of PostgreSQL is changed: open connections go on, and no record is lost or kept twice', async () => {
  const before = await sinkWith('first');
  await before.deliver(1);
  await cluster.primary.sql("ALTER ROLE gateway PASSWORD 'second'");
  await before.deliver(2);

  // A connection that breaks before its gateway is restarted: the record stays in the spool of that gateway.
  await cluster.primary.sql(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway'",
  );
  await expect(before.deliver(3)).rejects.toThrow();
  await before.close();

  const after = await sinkWith('second');
  for (const n of [2, 3]) await after.deliver(n);
  await after.close();
  const ids = (await cluster.primary.sql('SELECT id FROM predictions ORDER BY id')).trim().split('\n');
  expect(ids).toEqual([1, 2, 3].map((n) => record(n).id));
});

it('the password of Redis is changed: quotas go on being counted together, and the old password ends', async () => {
  const redis = await startRedis();
  const errors: Error[] = [];
  const connect = (url: string) => connectRedis(url, (error) => errors.push(error));
  const withPassword = (password: string) => Object.assign(new URL(redis.url), { password }).href;
  const charge = { quota: { name: 'a', points: 10, windowMs: 60_000 }, subject: 'key', cost: 1 };
  const left = async (client: Awaited<ReturnType<typeof connect>>) =>
    (await redisLimiter(client).consume([charge]))[0]?.remaining;

  const before = await connect(redis.url);
  expect(await left(before)).toBe(9);
  await before.call('ACL', 'SETUSER', 'default', '>second');
  expect(await left(before)).toBe(8);
  const after = await connect(withPassword('second'));
  expect(await left(after)).toBe(7);
  await after.call('ACL', 'SETUSER', 'default', `<${new URL(redis.url).password}`);
  expect([await left(before), await left(after)]).toEqual([6, 5]);
  expect(errors).toEqual([]);

  const late = await connect(redis.url);
  expect(errors.map(({ message }) => message)).toContainEqual(expect.stringContaining('WRONGPASS'));
  await expect(left(late)).rejects.toThrow();
  for (const client of [before, after, late]) client.disconnect();
  await redis.close();
});
