import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METRIC, portOf } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { fetchOnce } from '@headgate/testkit/http';
import { scrape, total } from '@headgate/testkit/metrics';
import { freePortBase } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import type { LimiterMode } from '../../gateway/src/rate-limit/insured.ts';
import { keyRecords } from '../../gateway/src/testing/app-fixture.ts';
import { createGuard } from '../../scripts/setup/guard.mjs';

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

const READY_WITHIN_MS = 30_000;
const END_WITHIN_MS = 20_000;

/** @param env configuration of all of them besides */
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
  const guard = createGuard();
  const children: ChildProcess[] = [];
  const portBases: number[] = [];
  const logFile = join(dir, 'gateways.log');

  const start = async () => {
    const portBase = await freePortBase();
    portBases.push(portBase);
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, ['gateway/src/main.ts'], {
      cwd: ROOT,
      detached: true,
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env.PATH,
        HEADGATE_ROOT: ROOT,
        HEADGATE_LISTEN__PORT_BASE: String(portBase),
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
    closeSync(log);
    if (child.pid !== undefined) guard.add(child.pid);
    children.push(child);
    const livez = `http://127.0.0.1:${portOf(portBase, 'gatewayInternal')}/livez`;
    const isUp = async () => (await fetchOnce(livez)).status === 200;
    await eventually(isUp, { what: `a gateway (its log: ${logFile})`, withinMs: READY_WITHIN_MS });
  };

  const metricsOf = (portBase: number) =>
    scrape(`http://127.0.0.1:${portOf(portBase, 'gatewayInternal')}/metrics`);

  const modeOf = async (portBase: number): Promise<LimiterMode> => {
    const series = await metricsOf(portBase);
    const inForce = series.find(({ name, value }) => name === METRIC.quotaMode && value === 1);
    return inForce?.labels.mode as LimiterMode;
  };

  const breakerOf = async (portBase: number): Promise<number> =>
    total(await metricsOf(portBase), METRIC.breakerState, { dependency: 'redis' });

  const close = async () => {
    await Promise.all(children.map(end));
    await guard.close();
    rmSync(dir, { recursive: true, force: true });
  };

  try {
    // One after the other: each takes ports that the next one then finds taken.
    for (let i = 0; i < count; i++) await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    origins: portBases.map((portBase) => `http://127.0.0.1:${portOf(portBase, 'gateway')}`),
    modes: () => Promise.all(portBases.map(modeOf)),
    breakers: () => Promise.all(portBases.map(breakerOf)),
    logs: () => readFileSync(logFile, 'utf8'),
    close,
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit', { signal: AbortSignal.timeout(END_WITHIN_MS) });
  child.kill('SIGTERM');
  await ended.catch(() => child.kill('SIGKILL'));
}
