import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { signalGroup } from '../scripts/setup/command.mjs';
import type { Guard } from '../scripts/setup/guard.mjs';

/** Between SIGTERM and SIGKILL: Helm marks an interrupted release as failed first. */
const GRACE_MS = 15_000;

export interface ProgramOptions {
  /** Goes to the standard input. */
  readonly input?: string;
  /** Longest run, in ms. */
  readonly withinMs?: number;
  /** Ends the program. */
  readonly signal?: AbortSignal;
  /** Gives the program a process group of its own, which ends with this process. */
  readonly guard?: Guard;
  readonly env?: NodeJS.ProcessEnv;
  /** Gets each line of its standard error. */
  readonly onLine?: (line: string) => void;
  /** Begins the message of an error; the command's name unless set. */
  readonly title?: string;
}

/** kubectl or helm did not succeed. */
export class ProgramError extends Error {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(title: string, code: number | null, stdout: string, stderr: string) {
    super(`${title}: ${stderr.trim() || `exit code ${code}`}`);
    this.code = code;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

/** Runs kubectl or helm. @returns standard output @throws ProgramError; the signal's reason once it is aborted */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<string> {
  const { input = '', withinMs, signal: asked, guard, env, onLine, title = basename(command) } = options;
  const timeout = withinMs === undefined ? undefined : AbortSignal.timeout(withinMs);
  const signal = AbortSignal.any([asked, timeout].filter((one) => one !== undefined));
  signal.throwIfAborted();
  const child = spawn(command, args, { stdio: 'pipe', env, detached: guard !== undefined });
  const closed = new Promise<number | null>((resolve, reject) => {
    const fail = ({ message }: Error) => reject(new ProgramError(title, null, '', message));
    child.once('error', fail).once('close', resolve);
  });
  const { pid } = child;
  if (pid !== undefined) guard?.add(pid);
  const kill = (by: NodeJS.Signals) => (guard ? signalGroup(pid, by) : child.kill(by));
  const end = () => endWithGrace(kill, closed);
  signal.addEventListener('abort', end, { once: true });
  try {
    child.stdin.on('error', () => {}).end(input);
    const errors = readLines(child.stderr, onLine);
    const [code, stdout, stderr] = await Promise.all([closed, text(child.stdout), errors]);
    asked?.throwIfAborted();
    const late = timeout?.aborted ? `took longer than ${(withinMs ?? 0) / 1000} s` : '';
    if (code !== 0) throw new ProgramError(title, code, stdout, stderr || late);
    return stdout;
  } finally {
    signal.removeEventListener('abort', end);
    if (pid !== undefined) guard?.remove(pid);
  }
}

/** Helm's report of its own steps, with --debug. */
const REPORT = /^level=(DEBUG|INFO)/;

/** @returns the lines that are no report */
async function readLines(stream: Readable, onLine?: (line: string) => void): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stream })) {
    onLine?.(line);
    if (!REPORT.test(line)) lines.push(line);
  }
  return lines.join('\n');
}

async function endWithGrace(kill: (by: NodeJS.Signals) => void, closed: Promise<unknown>): Promise<void> {
  kill('SIGTERM');
  const ended = closed.then(
    () => true,
    () => true,
  );
  if (!(await Promise.race([ended, sleep(GRACE_MS, false, { ref: false })]))) kill('SIGKILL');
}
