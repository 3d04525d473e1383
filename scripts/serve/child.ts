import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { signalGroup } from '../setup/command.mjs';
import type { Guard } from '../setup/guard.mjs';

/** Pause before the first restart; doubles with each crash in a row. */
const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 10_000;
/** A process that ran this long was healthy: the next crash counts as the first. */
const HEALTHY_MS = 10_000;

export interface ChildSpec {
  readonly name: 'control' | 'inference' | 'gateway' | 'envoy';
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** How long its own drain may take, in ms; it is killed afterwards. */
  readonly stopWithinMs: number;
}

/** An unexpected end. */
export interface Crash {
  readonly name: ChildSpec['name'];
  /** Exit code, or the name of the signal. */
  readonly how: number | NodeJS.Signals;
  readonly crashesInARow: number;
  /** Pause before the restart, in ms. */
  readonly restartMs: number;
}

export interface ChildEvents {
  crashed(crash: Crash): void;
  restarted(name: ChildSpec['name']): void;
}

/** A process in its own process group, restarted after each unexpected end. */
export interface Child {
  readonly name: ChildSpec['name'];
  /** Undefined while it is down. */
  pid(): number | undefined;
  start(): void;
  /** SIGTERM, then SIGKILL for the whole group when its time is over or `force` aborts. */
  stop(force: AbortSignal): Promise<void>;
}

/** @param guard ends the group if this process dies without doing so itself */
export function createChild(spec: ChildSpec, guard: Guard, events: ChildEvents): Child {
  let current: ChildProcess | undefined;
  let stopping = false;
  let crashes = 0;
  let timer: NodeJS.Timeout | undefined;

  const start = () => {
    const startedAt = performance.now();
    const child = spawnLogged(spec);
    current = child;
    if (child.pid !== undefined) guard.add(child.pid);
    let ended = false;
    const onEnd = (how: number | NodeJS.Signals) => {
      if (ended) return;
      ended = true;
      current = undefined;
      if (child.pid !== undefined) endGroup(child.pid, guard);
      if (stopping) return;
      crashes = performance.now() - startedAt > HEALTHY_MS ? 1 : crashes + 1;
      const restartMs = Math.min(RESTART_MIN_MS * 2 ** (crashes - 1), RESTART_MAX_MS);
      timer = setTimeout(() => {
        start();
        events.restarted(spec.name);
      }, restartMs);
      events.crashed({ name: spec.name, how, crashesInARow: crashes, restartMs });
    };
    child.once('exit', (code, signal) => onEnd(code ?? signal ?? 1));
    // The start failed: there is no exit event then.
    child.once('error', () => onEnd(127));
  };

  return {
    name: spec.name,
    pid: () => current?.pid,
    start,
    stop: async (force) => {
      stopping = true;
      clearTimeout(timer);
      if (current !== undefined) await endWithin(current, spec.stopWithinMs, force);
    },
  };
}

function spawnLogged({ command, args, cwd, env, logFile }: ChildSpec): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    // A group of its own: Ctrl-C reaches the supervisor alone, which stops the processes in order.
    return spawn(command, args, { cwd, env, stdio: ['ignore', log, log], detached: true });
  } finally {
    closeSync(log);
  }
}

async function endWithin(child: ChildProcess, withinMs: number, force: AbortSignal): Promise<void> {
  const kill = () => signalGroup(child.pid, 'SIGKILL');
  const timer = setTimeout(kill, withinMs);
  force.addEventListener('abort', kill, { once: true });
  try {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(force.aborted ? 'SIGKILL' : 'SIGTERM');
    await ended;
  } finally {
    clearTimeout(timer);
    force.removeEventListener('abort', kill);
  }
}

/** Ends what the leader left behind, for example its engines. */
function endGroup(pid: number, guard: Guard): void {
  signalGroup(pid, 'SIGKILL');
  guard.remove(pid);
}
