import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { NO_SECRET } from './config.ts';
import { eventually } from './eventually.ts';
import { type Answer, fetchOnce } from './http.ts';
import { freePortBase } from './ports.ts';
import { ROOT } from './root.ts';

const INTERNAL = {
  gateway: 'gatewayInternal',
  inference: 'inferenceInternal',
  control: 'control',
} as const;
const READY_WITHIN_MS = 120_000;
const END_WITHIN_MS = 20_000;

export interface PartOptions {
  /** Page of the internal port whose status 200 or 204 means ready. */
  readonly readyPage: '/livez' | '/readyz';
  /** File for its output; by default the output of the test. */
  readonly logFile?: string;
  /** Configuration as HEADGATE_* variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One part of the service as a process on free ports. */
export interface RunningPart {
  readonly pid: number;
  readonly portBase: number;
  /** A page of its internal port. */
  page(path: string): Promise<Answer>;
  /** SIGTERM, then SIGKILL; bounded. */
  stop(): Promise<void>;
}

/** Starts a part from its source and waits until it is ready. A guard ends it if the test process dies. */
export async function startPart(
  name: keyof typeof INTERNAL,
  { readyPage, logFile, env }: PartOptions,
): Promise<RunningPart> {
  const portBase = await freePortBase();
  const log = logFile === undefined ? 'inherit' : openSync(logFile, 'a');
  const child = spawn(process.execPath, [join(ROOT, name, 'src/main.ts')], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      PATH: process.env.PATH,
      HEADGATE_ROOT: ROOT,
      HEADGATE_LISTEN__PORT_BASE: String(portBase),
      ...NO_SECRET,
      ...env,
    },
  });
  if (typeof log === 'number') closeSync(log);
  const pid = child.pid as number;
  const guard = createGuard();
  guard.add(pid);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const page = (path: string) => fetchOnce(`http://127.0.0.1:${portOf(portBase, INTERNAL[name])}${path}`);
  const stop = async () => {
    if (!hasEnded()) {
      const ended = once(child, 'exit', { signal: AbortSignal.timeout(END_WITHIN_MS) });
      child.kill('SIGTERM');
      await ended.catch(() => child.kill('SIGKILL'));
    }
    await guard.close();
  };
  const ready = async () => hasEnded() || [200, 204].includes((await page(readyPage)).status);
  try {
    await eventually(ready, { what: `the readiness of ${name}`, withinMs: READY_WITHIN_MS });
    if (hasEnded()) throw new Error(`${name} ended before it was ready`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid, portBase, page, stop };
}
