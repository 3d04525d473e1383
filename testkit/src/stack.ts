import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ready as ReadyFile } from '../../scripts/serve/ready-file.ts';
import type { DevKeys } from '../../scripts/setup/keys.ts';
import { eventually, within } from './eventually.ts';
import { freePortBase } from './ports.ts';
import { descendantsOf, type ProcessInfo, stillAliveAfter } from './processes.ts';
import { ROOT } from './root.ts';

/** The ready file of a stack in development, which has keys. */
export type Ready = ReadyFile & { readonly keys: DevKeys };

/** Few, because each base that was used leaves a folder of logs. */
const PORT_BASES = 8;

export interface StackOptions {
  /** Added to this process's environment; HEADGATE_* overrides the configuration. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Default: any base whose ports are free. */
  readonly portBase?: number;
  /** Longest wait for readiness, in ms. `npm test` has done the set-up before. */
  readonly readyWithinMs?: number;
}

/** `npm start` as a child process. */
export interface Supervisor {
  readonly child: ChildProcess;
  /** stdout and stderr so far. */
  output(): string;
  /** Exit code, or the signal's name. */
  exit(withinMs: number): Promise<number | NodeJS.Signals>;
}

/** A running stack as plain data, so that vitest can pass it to its workers. */
export interface Stack {
  readonly ready: Ready;
  /** Listeners lie at portBase + 0 to 8. */
  readonly portBase: number;
  /** Live routing table of this stack. */
  readonly routingFile: string;
  /** Temporary directory, removed by `stop`. */
  readonly dir: string;
  readonly supervisorPid: number;
}

export interface OwnedStack extends Stack {
  readonly supervisor: Supervisor;
  /** Sends SIGINT, as Ctrl-C does; bounded. @returns pids that it had to kill */
  stop(): Promise<number[]>;
}

/** Reads the ready file of `npm start`; undefined while there is none. */
function readReadyFile(path: string): Ready | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Ready;
  } catch {
    return undefined;
  }
}

/** Spawns `node scripts/start.mjs` and keeps its stdout and stderr. */
export function spawnStart(args: readonly string[], env: Readonly<Record<string, string>> = {}): Supervisor {
  const child = spawn(process.execPath, ['scripts/start.mjs', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-64 * 1024);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    child,
    output: () => text,
    exit: async (withinMs) => {
      const [code, signal] = await within(ended, { what: 'the end of npm start', withinMs });
      return code ?? (signal as NodeJS.Signals);
    },
  };
}

/** Exit code of npm start when a port is taken. */
const PORT_TAKEN = 3;
const ATTEMPTS = 3;

/** Starts the stack on free ports with its own routing table, and waits until it is warm. */
export async function startStack(options: StackOptions = {}): Promise<OwnedStack> {
  for (let attempt = 1; ; attempt += 1) {
    const stack = await tryStack(options, options.portBase ?? (await freePortBase(PORT_BASES)));
    if (stack !== 'port taken') return stack;
    // Another process took the ports, for example a test of another checkout.
    if (attempt === ATTEMPTS) throw new Error(`the ports were taken ${ATTEMPTS} times`);
  }
}

async function tryStack(options: StackOptions, portBase: number): Promise<OwnedStack | 'port taken'> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-e2e-'));
  const readyFile = join(dir, 'ready.json');
  const routingFile = options.env?.HEADGATE_ROUTING_FILE ?? join(dir, 'routing.yaml');
  const args = ['--ready-file', readyFile, '--port-base', String(portBase), ...(options.args ?? [])];
  const supervisor = spawnStart(args, {
    HEADGATE_ROUTING_FILE: routingFile,
    HEADGATE_RECORDS__SPOOL_DIR: join(dir, 'spool'),
    HEADGATE_RECORDS__EMBEDDED_DIR: join(dir, 'store'),
    ...options.env,
  });
  const stop = () => stopStack(supervisor, dir);
  try {
    const ready = await eventually(() => readyOrEnded(readyFile, supervisor), {
      what: 'the ready file of npm start',
      withinMs: options.readyWithinMs ?? 180_000,
    });
    if (ready === 'ended') throw new Error('npm start ended before it was ready');
    const supervisorPid = supervisor.child.pid as number;
    return { ready, portBase, routingFile, dir, supervisorPid, supervisor, stop };
  } catch (cause) {
    const output = supervisor.output();
    await stop();
    if (supervisor.child.exitCode === PORT_TAKEN) return 'port taken';
    throw new Error(`the stack did not come up; npm start said:\n${output}`, { cause });
  }
}

function readyOrEnded(readyFile: string, { child }: Supervisor): Ready | 'ended' | undefined {
  if (child.exitCode !== null || child.signalCode !== null) return 'ended';
  return readReadyFile(readyFile);
}

async function stopStack({ child, exit }: Supervisor, dir: string): Promise<number[]> {
  const pids = [child.pid as number, ...descendantsOf(child.pid as number).map((info) => info.pid)];
  child.kill('SIGINT');
  await exit(30_000).catch(() => {});
  const orphans = await stillAliveAfter(pids, 2_000);
  for (const pid of orphans) process.kill(pid, 'SIGKILL');
  rmSync(dir, { recursive: true, force: true });
  return orphans;
}

export type Part = 'control' | 'gateway' | 'inference' | 'envoy' | 'engine';

const COMMAND: Readonly<Record<Part, RegExp>> = {
  control: /control\/(dist|src)\/main\./,
  gateway: /gateway\/(dist|src)\/main\./,
  inference: /inference\/(dist|src)\/main\./,
  envoy: /(^|\/)envoy /,
  engine: /engine-child|engine\/child/,
};

/** Running processes of one part of the stack. */
export function processesOf(stack: Stack, part: Part): ProcessInfo[] {
  return descendantsOf(stack.supervisorPid).filter((info) => COMMAND[part].test(info.command));
}

/** The only process of a part. @throws Error when there is not exactly one */
export function pidOf(stack: Stack, part: Part): number {
  const [first, ...rest] = processesOf(stack, part);
  if (!first || rest.length > 0)
    throw new Error(`expected one ${part} process, not ${rest.length + (first ? 1 : 0)}`);
  return first.pid;
}
