import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGuard } from '../../../scripts/setup/guard.mjs';
import { descendantsOf } from '../processes.ts';
import type { User } from './user.ts';

/** A server under test: it stays on its port and keeps its files from one start to the next. */
export interface Daemon {
  readonly port: number;
  readonly logFile: string;
  /** Undefined while no process runs. */
  pid(): number | undefined;
  /** Starts it and waits until it is ready. @throws Error with the end of its log */
  start(): Promise<void>;
  /** A crash: SIGKILL to it and its descendants. */
  kill(): Promise<void>;
  /** An orderly end that writes all data. */
  stop(): Promise<void>;
  /** SIGSTOP to it and its descendants: the kernel still accepts connections, without answers. */
  pause(): void;
  resume(): void;
  /** Stops it, by SIGKILL if it does not end in order. */
  close(): Promise<void>;
}

export interface DaemonOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Variables that the program gets in addition to PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly user: User;
  readonly port: number;
  readonly logFile: string;
  /** Signal for an orderly end. */
  readonly stopSignal: NodeJS.Signals;
  /** Polled until it returns true. */
  readonly isReady: () => Promise<boolean>;
  /** Default: 30 s. */
  readonly readyWithinMs?: number;
}

const READY_WITHIN_MS = 30_000;
const END_WITHIN_MS = 20_000;
const POLL_MS = 20;

/** Starts a server whose files are all in `cwd`. The folder is removed on close, and when the start fails. */
export async function startInFolder(options: DaemonOptions): Promise<Daemon> {
  const daemon = createDaemon(options);
  const close = async () => {
    await daemon.close();
    rmSync(options.cwd, { recursive: true, force: true });
  };
  try {
    await daemon.start();
  } catch (error) {
    await close();
    throw error;
  }
  return { ...daemon, close };
}

/** A server as a child process. A guard ends it when this process dies. */
export function createDaemon(options: DaemonOptions): Daemon {
  const guard = createGuard();
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    if (child !== undefined) throw new Error('it runs already');
    const starting = launch(options);
    child = starting;
    const pid = starting.pid;
    if (pid !== undefined) guard.add(pid);
    starting.once('exit', () => {
      if (pid !== undefined) guard.remove(pid);
      child = undefined;
    });
    await untilReady(starting, options);
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    if (ending?.pid === undefined) return;
    const ended = once(ending, 'exit', { signal: AbortSignal.timeout(END_WITHIN_MS) });
    const members = signal === 'SIGKILL' ? descendantsOf(ending.pid).map((info) => info.pid) : [];
    for (const pid of [ending.pid, ...members]) send(pid, signal);
    // A paused process handles no other signal.
    if (signal !== 'SIGKILL') send(ending.pid, 'SIGCONT');
    await ended;
  };

  const signalAll = (signal: NodeJS.Signals): void => {
    if (child?.pid === undefined) return;
    for (const pid of [child.pid, ...descendantsOf(child.pid).map((info) => info.pid)]) send(pid, signal);
  };

  return {
    port: options.port,
    logFile: options.logFile,
    pid: () => child?.pid,
    start,
    kill: () => end('SIGKILL'),
    stop: () => end(options.stopSignal),
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    async close() {
      await end(options.stopSignal).catch(() => end('SIGKILL'));
      await guard.close();
    },
  };
}

function launch({ command, args, cwd, env: more, user, logFile }: DaemonOptions): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const env = { PATH: process.env.PATH ?? '', HOME: cwd, ...more };
    return spawn(command, args, { cwd, env, stdio: ['ignore', log, log], detached: true, ...user });
  } finally {
    closeSync(log);
  }
}

async function untilReady(child: ChildProcess, options: DaemonOptions): Promise<void> {
  const { isReady, command, logFile, readyWithinMs = READY_WITHIN_MS } = options;
  const failed = (what: string) => new Error(`${command} ${what}; the end of its log:\n${tailOf(logFile)}`);
  let error: Error | undefined;
  child.once('error', (cause) => {
    error = cause;
  });
  const deadline = performance.now() + readyWithinMs;
  while (!(await isReady())) {
    if (error !== undefined) throw error;
    if (child.exitCode !== null || child.signalCode !== null) throw failed('ended at once');
    if (performance.now() > deadline) throw failed(`was not ready within ${readyWithinMs} ms`);
    await sleep(POLL_MS);
  }
}

function tailOf(logFile: string): string {
  return readFileSync(logFile, 'utf8').split('\n').slice(-12).join('\n');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
