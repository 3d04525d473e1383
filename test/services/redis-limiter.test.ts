import { startRedis, type TestRedis } from '@headgate/testkit/services/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectRedis, redisLimiter } from '../../gateway/src/rate-limit/redis.ts';
import { describeLimiter, freshQuota } from '../../gateway/src/testing/limiter-suite.ts';

/** How late a busy machine may answer, in ms. */
const SLACK_MS = 20_000;

let server: TestRedis;
let client: Redis;
beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.url);
});
afterAll(async () => {
  client.disconnect();
  await server.close();
});

/** Brings the end of every window nearer, as if so much time had gone by. */
async function pass(ms: number): Promise<void> {
  for (const key of await client.keys('*')) {
    const leftMs = await client.pttl(key);
    await client.pexpire(key, leftMs - ms);
  }
}

describeLimiter('the Redis limiter', () => ({ limiter: redisLimiter(client), pass, slackMs: SLACK_MS }));

describe('a Redis that does not accept the password', () => {
  it('is one that does not answer: quotas are counted as declared, and the password is shown nowhere', async () => {
    const lines: string[] = [];
    const wrong = server.url.replace(/:[^:@]+@/, ':not-the-password@');
    const lost = await connectRedis(wrong, (error) => lines.push(String(error.stack)), {
      connectTimeoutMs: 200,
      silenceTimeoutMs: 1000,
      pauses: { minMs: 10, maxMs: 20 },
    });
    await expect(
      redisLimiter(lost).consume([{ quota: freshQuota(3), subject: 'a', cost: 1 }]),
    ).rejects.toThrow();
    lost.disconnect();
    expect(lines.join('')).toContain('WRONGPASS');
    expect(lines.join('')).not.toContain('not-the-password');
  });
});

describe('the keys of the Redis limiter', () => {
  it('end by themselves, and have the subject as their hash tag', async () => {
    await client.flushall();
    const limiter = redisLimiter(client);
    const quotas = [freshQuota(3), freshQuota(5), freshQuota(7, 3_600_000)];
    await limiter.consume(quotas.map((quota) => ({ quota, subject: 'client01', cost: 1 })));
    await limiter.debit(quotas.map((quota) => ({ quota, subject: 'client02', cost: 1 })));
    const keys = await client.keys('*');
    expect(keys).toHaveLength(6);
    expect(new Set(keys.map((key) => /\{(.*?)\}/.exec(key)?.[1]))).toEqual(new Set(['client01', 'client02']));
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
  });

  it('are not made by looks, nor by what does not fit', async () => {
    await client.flushall();
    const quota = freshQuota(3);
    await redisLimiter(client).consume([
      { quota, subject: 'a', cost: 0 },
      { quota, subject: 'b', cost: 4 },
    ]);
    expect(await client.dbsize()).toBe(0);
  });

  it('are the same for every gateway', async () => {
    const quota = freshQuota(10);
    const gateways = [redisLimiter(client), redisLimiter(client)];
    for (const limiter of gateways) await limiter.consume([{ quota, subject: 'a', cost: 4 }]);
    const [state] = (await gateways[0]?.consume([{ quota, subject: 'a', cost: 4 }])) ?? [];
    expect(state).toMatchObject({ allowed: false, remaining: 2 });
  });
});
