import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { ConfigError } from '@headgate/runtime/load-config';
import { readRegularFile } from '@headgate/runtime/read-file';
import { POLICIES } from '@headgate/runtime/resilience/policies';
import { createPolicy } from '@headgate/runtime/resilience/policy';
import type { Surroundings } from '../surroundings.ts';
import { reportLimiter } from '../telemetry/limiter-report.ts';
import { insuredLimiter } from './insured.ts';
import type { Limiter } from './limiter.ts';
import { memoryLimiter } from './memory.ts';

/** Subjects that one quota remembers, some 20 MB; beyond, the one whose window ends first is forgotten. */
const MAX_SUBJECTS = 100_000;

/**
 * The limiter that the configuration names. With a store that does not answer the gateway still starts, in the
 * mode that is declared for it.
 *
 * @returns the limiter, and what closes its connection to the store
 * @throws ConfigError when the file with the store's address cannot be used
 */
export async function startLimiter(
  { gateway, dependencies }: Config,
  { root, logger, metrics, resilience }: Surroundings,
): Promise<{ readonly limiter: Limiter; stop(): void }> {
  const { store, redis, on_failure } = gateway.rate_limit;
  const local = memoryLimiter({ maxSubjects: MAX_SUBJECTS });
  if (store === 'memory') return { limiter: local, stop: () => undefined };

  const url = await readUrl(resolve(root, redis.url_file));
  const report = reportLimiter({ logger, registry: metrics.registry, mode: on_failure.mode });
  // ioredis is loaded only where it is used.
  const { connectRedis, redisLimiter } = await import('./redis.ts');
  const client = await connectRedis(url, report.connectionFailed);
  const limiter = insuredLimiter({
    ...on_failure,
    store: redisLimiter(client),
    local,
    policy: createPolicy({
      dependency: 'redis',
      config: { ...POLICIES.redis, ...dependencies.redis },
      report: resilience,
    }),
    report,
  });
  return { limiter, stop: () => client.disconnect() };
}

/** Of the file with the address of Redis. */
const MAX_URL_BYTES = 2 ** 14;

/** The first line of the file. What it holds is never part of an error. */
async function readUrl(path: string): Promise<string> {
  const expected = 'expected redis://HOST:PORT or rediss://HOST:PORT (gateway.rate_limit.redis.url_file)';
  let text: string;
  try {
    text = (await readRegularFile(path, { maxBytes: MAX_URL_BYTES })).toString();
  } catch (cause) {
    throw new ConfigError(`${path} cannot be read: ${expected}`, { cause });
  }
  const [url = ''] = text.trim().split('\n');
  if (URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol)) return url;
  throw new ConfigError(`${path} holds no address of Redis: ${expected}`);
}
