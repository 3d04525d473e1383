import { spawn } from 'node:child_process';
import { portOf } from '@headgate/contracts/names';
import { signalGroup } from '../../scripts/setup/command.mjs';
import { eventually } from '../../test/e2e/harness/deadline.ts';
import { fetchOnce } from '../../test/e2e/harness/http.ts';
import { freePortBase } from '../../test/e2e/harness/ports.ts';
import { descendantsOf, stillAliveAfter } from '../../test/e2e/harness/processes.ts';
import { ROOT } from '../../test/e2e/harness/stack.ts';
import type { OwnRun } from './own-run.ts';

/** Inference alone, without gateway and Envoy, ready. */
export interface InferenceProcess {
  /** host:port of its gRPC server. */
  readonly address: string;
  /** Its own pid, and those of its engines. */
  pids(): number[];
  /** Asks it to end, and ends what is left of it. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 30_000;

/**
 * Starts inference on free ports and waits until it is ready. Whatever goes wrong, nothing of it is left.
 *
 * @param env added to this process's environment
 * @throws Error when it ends, is not ready in time, or the run is stopped
 */
export async function startInference(
  env: Readonly<Record<string, string>>,
  { guard, signal }: Pick<OwnRun, 'guard' | 'signal'>,
): Promise<InferenceProcess> {
  const portBase = await freePortBase();
  const child = spawn(process.execPath, ['inference/src/main.ts'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    // A group of its own, which the guard ends should this process die.
    detached: true,
    env: { ...process.env, HEADGATE_ROOT: ROOT, HEADGATE_LISTEN__PORT_BASE: String(portBase), ...env },
  });
  const pid = child.pid as number;
  guard.add(pid);
  const pids = () => [pid, ...descendantsOf(pid).map((info) => info.pid)];
  const stop = async () => {
    const all = pids();
    child.kill('SIGTERM');
    const left = await stillAliveAfter(all, STOP_WITHIN_MS);
    if (left.length > 0) signalGroup(pid, 'SIGKILL');
    guard.remove(pid);
  };
  const readyz = `http://127.0.0.1:${portOf(portBase, 'inferenceInternal')}/readyz`;
  const readyOrOver = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return 'ended';
    if (signal.aborted) return 'stopped';
    return (await fetchOnce(readyz)).status === 200 && 'ready';
  };
  try {
    const state = await eventually(readyOrOver, { what: 'inference', withinMs: READY_WITHIN_MS });
    signal.throwIfAborted();
    if (state === 'ended') throw new Error('inference ended before it was ready');
  } catch (error) {
    await stop();
    throw error;
  }
  return { address: `127.0.0.1:${portOf(portBase, 'inferenceGrpc')}`, pids, stop };
}
