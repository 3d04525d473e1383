import { fileURLToPath } from 'node:url';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { createLogger } from '@headgate/runtime/logger';
import { noResilienceReport } from '@headgate/runtime/resilience/report';
import { tempDir } from '@headgate/testkit/folders';
import { freePort } from '@headgate/testkit/ports';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../telemetry/metrics.ts';
import { freshQuota } from '../testing/limiter-suite.ts';
import { startLimiter } from './start-limiter.ts';

const PASSWORD = 'not-to-be-seen';

/** Starts a limiter as `main` does, with the address of Redis in a file. */
async function started(address: string | undefined, env: Record<string, string> = {}) {
  const root = tempDir(address === undefined ? {} : { 'redis.url': address });
  const config = loadConfig({
    dir: fileURLToPath(new URL('../../../config', import.meta.url)),
    environment: 'dev',
    env: {
      HEADGATE_GATEWAY__RATE_LIMIT__STORE: 'redis',
      HEADGATE_GATEWAY__RATE_LIMIT__REDIS__URL_FILE: 'redis.url',
      ...env,
    },
  });
  const lines: string[] = [];
  const logger = createLogger({
    service: 'gateway',
    level: 'info',
    destination: { write: (line) => void lines.push(line) },
  });
  const metrics = createMetrics();
  const { limiter, stop } = await startLimiter(config, {
    ...{ root, logger, metrics },
    resilience: noResilienceReport,
  });
  return { limiter, stop, lines, metrics };
}

describe('a limiter whose store is Redis', () => {
  it('starts without Redis, in the declared mode, and says so without its password', async () => {
    const address = `redis://:${PASSWORD}@127.0.0.1:${await freePort()}\n`;
    const env = { HEADGATE_GATEWAY__RATE_LIMIT__ON_FAILURE__REPLICAS: '3' };
    const { limiter, stop, lines, metrics } = await started(address, env);
    const charge = { quota: freshQuota(30), subject: 'a', cost: 1 };
    for (let i = 0; i < 6; i++) expect((await limiter.consume([charge]))[0]?.limit).toBe(10);
    stop();
    expect(await metrics.registry.metrics()).toContain('headgate_quota_mode{mode="local_share"} 1\n');
    expect(lines.join('')).toContain('ECONNREFUSED');
    expect(lines.join('')).not.toContain(PASSWORD);
  });

  it.each([
    ['is not there', undefined],
    ['is empty', ''],
    ['holds no address', `:${PASSWORD}@127.0.0.1`],
    ['holds an address of something else', `https://:${PASSWORD}@127.0.0.1`],
  ])('refuses to start when its file %s, and does not repeat it', async (_, address) => {
    const error = await started(address).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toContain('gateway.rate_limit.redis.url_file');
    expect((error as Error).message).not.toContain(PASSWORD);
  });
});

it('a limiter in memory looks for no Redis', async () => {
  const { limiter, stop, metrics } = await started(undefined, {
    HEADGATE_GATEWAY__RATE_LIMIT__STORE: 'memory',
  });
  expect((await limiter.consume([{ quota: freshQuota(3), subject: 'a', cost: 1 }]))[0]?.remaining).toBe(2);
  stop();
  expect(await metrics.registry.metrics()).not.toContain('headgate_quota_mode');
});
