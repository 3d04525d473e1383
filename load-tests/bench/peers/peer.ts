import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '@headgate/testkit/eventually';
import { freePortBase } from '@headgate/testkit/ports';
import { descendantsOf, stillAliveAfter } from '@headgate/testkit/processes';
import { ROOT } from '@headgate/testkit/root';
import { cachedVenv } from '@headgate/testkit/tools/venv';
import { signalGroup } from '../../../scripts/setup/command.mjs';
import type { Guard } from '../../../scripts/setup/guard.mjs';
import { findPython } from '../../../scripts/setup/python.ts';
import { createUi } from '../../../scripts/setup/ui.mjs';
import type { OwnRun } from '../benchmark.ts';
import { monotonicMs } from '../jobs.ts';
import type { Contender, RunningServer } from './contender.ts';
import type { PeerSpec } from './servers.ts';

const SERVERS = fileURLToPath(new URL('./servers/', import.meta.url));
const MODEL = join(ROOT, 'models/efficientnet-lite0/1');
const START_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 8_000;
/** Its own interfaces, of which only loopback is up, and its own processes, which end with the first of them. */
const NAMESPACE = ['unshare', '--net', '--pid', '--fork', '--mount-proc', '--kill-child'];

/** A peer with its packages in place. @throws Error when they cannot be installed */
export async function preparePeer(spec: PeerSpec, run: OwnRun): Promise<Contender> {
  const { signal, guard, dir } = run;
  const quiet = { ui: createUi(process.stderr), progress: () => {}, logFile: `${dir}/python.log` };
  const interpreter = await findPython({ root: ROOT, signal, guard, ...quiet }, process.env.HEADGATE_PYTHON);
  const python = await cachedVenv({
    ...run,
    python: interpreter,
    name: `peer-${spec.id}`,
    requirements: join(SERVERS, spec.id, 'requirements.txt'),
  });
  return {
    id: spec.id,
    startWithinMs: START_WITHIN_MS,
    tries: spec.tries ?? 1,
    start: (env = {}) => startPeer(spec, { env, bin: dirname(python) }, run),
  };
}

/** Versions of a peer's own package, of ONNX Runtime and of Pillow, as its requirements pin them. */
export function pinnedVersions({ id, name }: PeerSpec): Record<string, string> {
  const text = readFileSync(join(SERVERS, id, 'requirements.txt'), 'utf8');
  const pinned = (distribution: string) =>
    new RegExp(`^${distribution}(?:\\[.*\\])?==(\\S+)`, 'm').exec(text)?.[1] ?? '–';
  return {
    [name]: pinned(id),
    'onnxruntime (Python)': pinned('onnxruntime'),
    Pillow: pinned('pillow'),
  };
}

async function startPeer(
  spec: PeerSpec,
  { env, bin }: { readonly env: Readonly<Record<string, string>>; readonly bin: string },
  { dir, guard }: OwnRun,
): Promise<RunningServer> {
  const port = await freePortBase();
  const [program = '', ...args] = spec.command(port);
  const command = spec.namespace ? inNamespace([program, ...args]) : [program, ...args];
  const logFile = join(dir, `${spec.id}.log`);
  const log = openSync(logFile, 'w');
  const spawnedMs = monotonicMs();
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: join(SERVERS, spec.id),
    env: { ...process.env, ...environment({ port, dir, bin }), ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  let failure: string | undefined;
  child.once('error', ({ message }) => {
    failure = message;
  });
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  const ended = () => failure ?? (hasExited() ? `it ended: ${lastLine(logFile)}` : undefined);
  const pid = child.pid ?? 0;
  if (pid > 0) guard.add(pid);
  const stop = () => stopTree(pid, guard);
  const processes = () =>
    [pid, ...descendantsOf(pid).map((info) => info.pid)].map((one) => ({ pid: one, part: 'server' }));
  const { path, encoding, name } = spec;
  const target = { kind: 'http', origin: `http://127.0.0.1:${port}`, path, encoding, caFile: null } as const;
  const doors = [{ name, target, processes }];
  const clientWrapper = spec.namespace ? await enterNamespace(pid).catch(stopFirst(stop)) : [];
  return { spawnedMs, doors, clientWrapper, ended, stop };
}

function environment({
  port,
  dir,
  bin,
}: {
  readonly port: number;
  readonly dir: string;
  readonly bin: string;
}) {
  const scratch = join(dir, 'scratch');
  mkdirSync(scratch, { recursive: true });
  return {
    PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
    PYTHONPATH: SERVERS,
    PYTHONDONTWRITEBYTECODE: '1',
    PEER_MODEL: join(MODEL, 'model.onnx'),
    PEER_LABELS: join(MODEL, 'labels.json'),
    PEER_PORT: String(port),
    BENTOML_HOME: scratch,
    BENTOML_DO_NOT_TRACK: '1',
    MLSERVER_PARALLEL_WORKERS: '2',
    MLSERVER_HOST: '127.0.0.1',
    MLSERVER_HTTP_PORT: String(port),
    MLSERVER_GRPC_PORT: String(port + 1),
    MLSERVER_METRICS_PORT: String(port + 2),
    MLSERVER_DEBUG: 'false',
    RAY_TMPDIR: scratch,
    RAY_AUTH_MODE: 'disabled',
    RAY_USAGE_STATS_ENABLED: '0',
  };
}

function inNamespace(command: readonly string[]): string[] {
  return [...NAMESPACE, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...command];
}

/** The prefix that runs a command beside the server, once its network namespace is there. */
async function enterNamespace(pid: number): Promise<string[]> {
  const path = `/proc/${pid}/ns/net`;
  const own = readlinkSync('/proc/self/ns/net');
  await eventually(() => readlinkSync(path) !== own, { what: 'a network namespace', withinMs: 5000 });
  return ['nsenter', `--net=${path}`];
}

function stopFirst(stop: () => Promise<void>) {
  return async (error: unknown): Promise<never> => {
    await stop();
    throw error;
  };
}

/** Asks the whole tree to end, then ends what is left of it. Some servers put their workers into other groups. */
async function stopTree(pid: number, guard: Guard): Promise<void> {
  if (pid === 0) return;
  const pids = [pid, ...descendantsOf(pid).map((info) => info.pid)];
  signalGroup(pid, 'SIGTERM');
  for (const one of pids) signalProcess(one, 'SIGTERM');
  for (const one of await stillAliveAfter(pids, STOP_WITHIN_MS)) signalProcess(one, 'SIGKILL');
  await stillAliveAfter(pids, STOP_WITHIN_MS);
  guard.remove(pid);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

function lastLine(file: string): string {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return (lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? '').trim().slice(0, 200);
}
