import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METRIC, portOf } from '@headgate/contracts/names';
import { samplesIn, total } from '@headgate/testkit/metrics';
import { type RunningPart, startPart } from '@headgate/testkit/part';
import type { LimiterMode } from '../../gateway/src/rate-limit/insured.ts';
import { keyRecords } from '../../gateway/src/testing/app-fixture.ts';

/** Several real gateways that share a Redis. There is no inference behind them: they are asked what does not need one. */
export interface Gateways {
  /** Addresses of their public ports. */
  readonly origins: readonly string[];
  /** How each of them counts quotas now. */
  modes(): Promise<LimiterMode[]>;
  /** State of the circuit breaker of Redis in each of them: 0 closed, 1 half-open, 2 open. */
  breakers(): Promise<number[]>;
  /** What all of them wrote into their logs. */
  logs(): string;
  /** Ends them and removes their files. */
  close(): Promise<void>;
}

/** @param env further configuration of all gateways */
export async function startGateways(
  count: number,
  redisUrl: string,
  env: NodeJS.ProcessEnv,
): Promise<Gateways> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-gateways-'));
  const urlFile = join(dir, 'redis.url');
  const keysFile = join(dir, 'keys.yaml');
  writeFileSync(urlFile, `${redisUrl}\n`, { mode: 0o600 });
  writeFileSync(keysFile, JSON.stringify({ keys: await keyRecords() }));
  const parts: RunningPart[] = [];
  const logFile = join(dir, 'gateways.log');
  const start = () =>
    startPart('gateway', {
      readyPage: '/livez',
      logFile,
      env: {
        HEADGATE_ROUTING_FILE: 'config/routing.fallback.yaml',
        HEADGATE_RECORDS__SINK: 'none',
        HEADGATE_AUDIT__SINK: 'none',
        HEADGATE_GATEWAY__KEYS_FILE: keysFile,
        HEADGATE_GATEWAY__RATE_LIMIT__STORE: 'redis',
        HEADGATE_GATEWAY__RATE_LIMIT__REDIS__URL_FILE: urlFile,
        HEADGATE_GATEWAY__RATE_LIMIT__ON_FAILURE__REPLICAS: String(count),
        ...env,
      },
    });

  const samplesOf = async (part: RunningPart) => samplesIn((await part.page('/metrics')).text);

  const modeOf = async (part: RunningPart): Promise<LimiterMode> => {
    const samples = await samplesOf(part);
    const inForce = samples.find(({ name, value }) => name === METRIC.quotaMode && value === 1);
    return inForce?.labels.mode as LimiterMode;
  };

  const breakerOf = async (part: RunningPart): Promise<number> =>
    total(await samplesOf(part), METRIC.breakerState, { dependency: 'redis' });

  const close = async () => {
    await Promise.all(parts.map((part) => part.stop()));
    rmSync(dir, { recursive: true, force: true });
  };

  try {
    // One after the other: each takes ports that the next one then finds taken.
    for (let i = 0; i < count; i++) parts.push(await start());
  } catch (error) {
    await close();
    throw error;
  }
  return {
    origins: parts.map(({ portBase }) => `http://127.0.0.1:${portOf(portBase, 'gateway')}`),
    modes: () => Promise.all(parts.map(modeOf)),
    breakers: () => Promise.all(parts.map(breakerOf)),
    logs: () => readFileSync(logFile, 'utf8'),
    close,
  };
}
