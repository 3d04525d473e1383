import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { grpcClient } from '@headgate/testkit/grpc';
import { ROOT } from '@headgate/testkit/root';
import { SMALL_MODEL } from '@headgate/testkit/routing';
import { type Child, createChild } from '../../scripts/serve/child.ts';
import { createGuard } from '../../scripts/setup/guard.mjs';

const STOP_WITHIN_MS = 25_000;
const READY_WITHIN_MS = 60_000;

/** One more inference process, started again whenever it ends, as an orchestrator would. */
export interface Pod {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startPod(portBase: number, env: Readonly<Record<string, string>>): Promise<Pod> {
  const guard = createGuard();
  const logFile = join(ROOT, 'state/logs', String(portBase), 'inference.log');
  mkdirSync(dirname(logFile), { recursive: true });
  const child: Child = createChild(
    {
      name: 'inference',
      command: process.execPath,
      args: ['inference/src/main.ts'],
      cwd: ROOT,
      env: { ...process.env, ...env, HEADGATE_ROOT: ROOT, HEADGATE_LISTEN__PORT_BASE: String(portBase) },
      logFile,
      stopWithinMs: STOP_WITHIN_MS,
    },
    guard,
    { crashed: () => undefined, restarted: () => undefined },
  );
  const port = portOf(portBase, 'inferenceGrpc');
  const stop = async () => {
    await child.stop(new AbortController().signal);
    await guard.close();
  };
  child.start();
  try {
    await eventually(() => isServing(port), { what: 'the second pod', withinMs: READY_WITHIN_MS });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

/** Whether the inference process behind `port` serves the model of the load. */
export async function isServing(port: number): Promise<boolean> {
  const client = grpcClient(`127.0.0.1:${port}`);
  try {
    return (await client.health(`${SMALL_MODEL}/1`)) === 'SERVING';
  } catch {
    return false;
  } finally {
    client.close();
  }
}
