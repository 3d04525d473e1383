import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
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

interface End {
  readonly code: number | null;
  readonly by: NodeJS.Signals | null;
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
  const closed = new Promise<End>((resolve, reject) => {
    const fail = ({ message }: Error) => reject(new ProgramError(title, null, '', message));
    child.once('error', fail).once('close', (code, by) => resolve({ code, by }));
  });
  const { pid } = child;
  // Throws: without a process there may be no streams.
  if (pid === undefined) await closed;
  else guard?.add(pid);
  const kill = (by: NodeJS.Signals) => (guard ? signalGroup(pid, by) : child.kill(by));
  const end = () => endWithGrace(child, kill, closed);
  signal.addEventListener('abort', end, { once: true });
  try {
    child.stdin.on('error', () => {}).end(input);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    const errors = readLines(child.stderr, onLine);
    const { code, by } = await closed;
    asked?.throwIfAborted();
    if (code === 0) return stdout;
    const ended = by === null ? '' : `ended by ${by}`;
    const why = timeout?.aborted ? `took longer than ${(withinMs ?? 0) / 1000} s` : ended;
    throw new ProgramError(title, code, stdout, [...errors, why].join('\n').trim());
  } finally {
    signal.removeEventListener('abort', end);
    if (pid !== undefined) guard?.remove(pid);
  }
}

/** Helm's report of its own steps, with --debug. */
const REPORT = /^level=(DEBUG|INFO)/;

/** @returns the lines that are no report, as they arrive */
function readLines(stream: Readable, onLine?: (line: string) => void): readonly string[] {
  const lines: string[] = [];
  createInterface({ input: stream }).on('line', (line) => {
    onLine?.(line);
    if (!REPORT.test(line)) lines.push(line);
  });
  return lines;
}

async function endWithGrace(
  { stdout, stderr }: ChildProcessWithoutNullStreams,
  kill: (by: NodeJS.Signals) => void,
  closed: Promise<unknown>,
): Promise<void> {
  kill('SIGTERM');
  const ended = closed.then(
    () => true,
    () => true,
  );
  if (await Promise.race([ended, sleep(GRACE_MS, false, { ref: false })])) return;
  kill('SIGKILL');
  // A process that the program started, and that lives on, may keep them open.
  for (const stream of [stdout, stderr]) stream.destroy();
}
