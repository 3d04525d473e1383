import { setTimeout as pause } from 'node:timers/promises';
import { createPolicy } from '@headgate/runtime/resilience/policy';
import { type BreakerState, noResilienceReport } from '@headgate/runtime/resilience/report';
import type { RecordSink } from '@headgate/stores/records/sink';
import { idAt, predictionOf } from '@headgate/stores/testing/records';
import { type Fault, type FaultProxy, startFaultProxy } from '@headgate/testkit/fault-proxy';
import { policyWithoutRetries } from '@headgate/testkit/policy';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { startRedis, type TestRedis } from '@headgate/testkit/services/redis';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { insuredLimiter } from '../../gateway/src/rate-limit/insured.ts';
import type { Limiter } from '../../gateway/src/rate-limit/limiter.ts';
import { memoryLimiter } from '../../gateway/src/rate-limit/memory.ts';
import { connectRedis, redisLimiter } from '../../gateway/src/rate-limit/redis.ts';
import { databasePolicy, postgresSink } from '../../gateway/src/store/sinks.ts';
import { freshQuota } from '../../gateway/src/testing/limiter-suite.ts';

/** Each is too much for a dependency that has so many ms for its answer. */
const TIMEOUT_MS = 500;
const FAULTS: Fault[] = [
  { kind: 'latency', ms: 2 * TIMEOUT_MS },
  { kind: 'reset' },
  { kind: 'black_hole' },
  { kind: 'slow_close', ms: 50 },
];
const CONFIG = policyWithoutRetries({ timeout_ms: TIMEOUT_MS });
const SETTLED = { timeout: 30_000, interval: 20 };

let proxy: FaultProxy;
let states: BreakerState[];
const report = {
  ...noResilienceReport,
  breakerChanged: (_: unknown, state: BreakerState) => states.push(state),
};
/** The same address by way of the proxy. */
const throughProxy = (url: string, port: number) => url.replace(`:${port}`, `:${proxy.port}`);

describe('Behind a network that fails, Redis', () => {
  let server: TestRedis;
  let client: Redis;
  let limiter: Limiter;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());

  beforeEach(async () => {
    states = [];
    proxy = await startFaultProxy(server.port);
    client = await connectRedis(throughProxy(server.url, server.port), () => undefined, {
      connectTimeoutMs: 5000,
      silenceTimeoutMs: TIMEOUT_MS,
      pauses: { minMs: CONFIG.breaker.open_min_ms, maxMs: CONFIG.breaker.open_max_ms },
    });
    limiter = insuredLimiter({
      store: redisLimiter(client),
      local: memoryLimiter({ maxSubjects: 100 }),
      policy: createPolicy({ dependency: 'redis', config: CONFIG, report }),
      mode: 'local_share',
      replicas: 2,
      report: { modeChanged: () => undefined, storeFailed: () => undefined },
    });
  });
  afterEach(() => {
    client.disconnect();
    proxy.close();
  });

  it.each(FAULTS)(
    'under %j refuses nobody by mistake: the local share counts, and Redis does again afterwards',
    async (fault) => {
      const quota = freshQuota(1000);
      const limit = async () => (await limiter.consume([{ quota, subject: 'a', cost: 1 }]))[0]?.limit;
      await expect.poll(limit, SETTLED).toBe(1000);
      states.length = 0;
      proxy.set(fault);
      await expect.poll(async () => [await limit(), states.includes('open')], SETTLED).toEqual([500, true]);
      proxy.set({ kind: 'none' });
      await expect.poll(async () => [await limit(), states.at(-1)], SETTLED).toEqual([1000, 'closed']);
    },
  );
});

describe('Behind a network that fails, PostgreSQL', () => {
  let cluster: TestPostgres;
  let sink: RecordSink;
  beforeAll(async () => {
    cluster = await startPostgresCluster();
  });
  afterAll(() => cluster.close());

  beforeEach(async () => {
    states = [];
    proxy = await startFaultProxy(cluster.primary.port);
    const url = throughProxy(cluster.url, cluster.primary.port);
    sink = await postgresSink({ url, timeoutMs: TIMEOUT_MS, retentionDays: 90 });
  });
  afterEach(async () => {
    proxy.close();
    await sink.close();
  });

  it.each(FAULTS)('under %j is left alone, and has every record that it acknowledged once', async (fault) => {
    const policy = databasePolicy({ config: CONFIG, report });
    const acknowledged: string[] = [];
    const first = Date.now();
    const deliver = async () => {
      const id = idAt(first + FAULTS.indexOf(fault), acknowledged.length);
      try {
        await policy.run((signal) => sink.deliver([predictionOf({ id })], signal));
        acknowledged.push(id);
        return 'kept';
      } catch {
        await pause(10);
        return 'not kept';
      }
    };
    await expect.poll(deliver, SETTLED).toBe('kept');
    states.length = 0;
    proxy.set(fault);
    await expect
      .poll(async () => [await deliver(), states.includes('open')], SETTLED)
      .toEqual(['not kept', true]);
    proxy.set({ kind: 'none' });
    await expect.poll(async () => [await deliver(), states.at(-1)], SETTLED).toEqual(['kept', 'closed']);
    const rows = (await cluster.primary.sql('SELECT id FROM predictions')).trim().split('\n');
    expect(acknowledged.filter((id) => rows.filter((row) => row === id).length !== 1)).toEqual([]);
  });
});
