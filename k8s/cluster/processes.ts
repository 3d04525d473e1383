import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOf } from './inhabitants.ts';
import { paths, STATE_DIR } from './layout.ts';

/** A program of the cluster; it outlives the command that starts it. */
export interface Program {
  /** Unique in the cluster; also names its log. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Network namespace. */
  readonly network: string;
  /** Process whose mount namespace it shares; the machine's by default. */
  readonly mountsOf?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Ordinary priority: its children are the pods. Everything else goes before them, as on machines of its own. */
  readonly isAncestorOfPods?: boolean;
}

/** A file for each program. */
const PIDS = join(STATE_DIR, 'pids');
const POLL_MS = 100;
const LOG_LINES = 8;

/** Starts a program unless it runs, and records its number for later commands. It becomes what it is called by `exec`, so the number stays. */
export async function launch(program: Program): Promise<void> {
  const { name, command, args, network, mountsOf, env, isAncestorOfPods = false } = program;
  if (pidOf(name) !== undefined) return;
  mkdirSync(paths.logs, { recursive: true });
  const log = openSync(logOf(name), 'a');
  const enter = [`--net=/run/netns/${network}`];
  if (mountsOf !== undefined) enter.push(`--mount=/proc/${mountsOf}/ns/mnt`);
  if (!isAncestorOfPods) enter.push('nice', '-n', '-10');
  const child = spawn('nsenter', [...enter, command, ...args], {
    cwd: '/',
    env: { ...inherited(process.env), ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  await once(child, 'spawn');
  closeSync(log);
  child.unref();
  mkdirSync(PIDS, { recursive: true });
  writeFileSync(join(PIDS, name), JSON.stringify({ pid: child.pid, start: startOf(child.pid ?? 0) }));
}

/** What programs of the cluster get of the caller's environment, which may hold secrets. */
export function inherited({ PATH, HOME, TMPDIR }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH, HOME, TMPDIR };
}

/** Number of a program's process while it runs. */
export function pidOf(name: string): number | undefined {
  const file = join(PIDS, name);
  if (!existsSync(file)) return undefined;
  const { pid, start } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; start?: string };
  return start !== undefined && startOf(pid) === start ? pid : undefined;
}

/** Kills a program, as a crash would, and waits until it is gone. */
export async function killProgram(name: string): Promise<void> {
  for (let pid = pidOf(name); pid !== undefined; pid = pidOf(name)) {
    process.kill(pid, 'SIGKILL');
    await sleep(POLL_MS);
  }
}

/** Polls `isReady` while the program runs. @throws Error with the end of the program's log */
export async function untilReady(
  name: string,
  withinMs: number,
  isReady: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isReady().catch(() => false))) {
    await sleep(POLL_MS);
    if (pidOf(name) === undefined) throw new Error(`${name} ended: ${endOfLog(name)}`);
    if (performance.now() > deadline)
      throw new Error(`${name} is not ready after ${Math.round(withinMs / 1000)} s: ${endOfLog(name)}`);
  }
}

function logOf(name: string): string {
  return join(paths.logs, `${name}.log`);
}

function endOfLog(name: string): string {
  const lines = readFileSync(logOf(name), 'utf8').trimEnd().split('\n');
  return `${logOf(name)}:\n${lines.slice(-LOG_LINES).join('\n')}`;
}
