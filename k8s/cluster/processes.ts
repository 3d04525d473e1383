import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processesOf, processGroup } from './cgroups.ts';
import { paths } from './layout.ts';

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

const POLL_MS = 100;
const LOG_LINES = 8;

/** Starts a program in its own control group: that is how it is found and ended later, by any process. */
export async function launch(program: Program): Promise<void> {
  const { name, command, args, network, mountsOf, env, isAncestorOfPods = false } = program;
  if (processesOf(name).length > 0) throw new Error(`${name} runs already`);
  mkdirSync(paths.logs, { recursive: true });
  const log = openSync(logOf(name), 'a');
  const enter = [`--net=/run/netns/${network}`];
  if (mountsOf !== undefined) enter.push(`--mount=/proc/${mountsOf}/ns/mnt`);
  if (!isAncestorOfPods) enter.push('nice', '-n', '-10');
  const join = 'echo $$ > "$0" && exec "$@"';
  const child = spawn('/bin/sh', ['-c', join, processGroup(name), 'nsenter', ...enter, command, ...args], {
    cwd: '/',
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  await once(child, 'spawn');
  closeSync(log);
  while (processesOf(name).length === 0 && child.exitCode === null) await sleep(POLL_MS / 10);
  child.unref();
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
    if (processesOf(name).length === 0) throw new Error(`${name} ended: ${endOfLog(name)}`);
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
