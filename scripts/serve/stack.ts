import type { Guard } from '../setup/guard.mjs';
import { type Child, type ChildEvents, type ChildSpec, type Crash, createChild } from './child.ts';
import { startLog, tailOf } from './log-file.ts';

/** Exit codes that another start would only repeat: 2 = configuration, 3 = a port is taken. */
const HOPELESS: readonly Crash['how'][] = [2, 3, 127];
/** A component that never came up is given up after as many crashes; later it is restarted for ever. */
const MAX_EARLY_CRASHES = 3;
const TAIL_LINES = 8;

/** A component could not be started. */
export class StackError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface StackOptions {
  readonly guard: Guard;
  readonly onCrash: (crash: Crash) => void;
  readonly onRestart: (name: ChildSpec['name']) => void;
}

/** The processes of the service. All start at once; they are stopped in the order of the request path. */
export interface Stack {
  start(): void;
  /** From now on a crash is an incident, no longer a failed start. */
  settled(): void;
  /** Rejects with StackError when a component cannot be started; else pending for ever. */
  readonly failed: Promise<never>;
  pid(name: ChildSpec['name']): number | null;
  /** Stops the last component first: it is the one that accepts from outside. */
  stop(options: {
    readonly force: AbortSignal;
    readonly beforeEach: (name: Child['name']) => Promise<void>;
  }): Promise<void>;
}

export function createStack(specs: readonly ChildSpec[], { guard, onCrash, onRestart }: StackOptions): Stack {
  let early = true;
  const failure = Promise.withResolvers<never>();
  // It may fail before anybody waits for it.
  failure.promise.catch(() => {});
  const events: ChildEvents = {
    crashed: (crash) => {
      const hopeless = HOPELESS.includes(crash.how) || crash.crashesInARow >= MAX_EARLY_CRASHES;
      if (early && hopeless) failure.reject(startError(specs, crash));
      else onCrash(crash);
    },
    restarted: onRestart,
  };
  const children = specs.map((spec) => createChild(spec, guard, events));
  return {
    start: () => {
      for (const spec of specs) startLog(spec.logFile);
      for (const child of children) child.start();
    },
    settled: () => {
      early = false;
    },
    failed: failure.promise,
    pid: (name) => children.find((child) => child.name === name)?.pid() ?? null,
    stop: async ({ force, beforeEach }) => {
      for (const child of children.toReversed()) {
        await beforeEach(child.name);
        await child.stop(force);
      }
    },
  };
}

function startError(specs: readonly ChildSpec[], { name, how }: Crash): StackError {
  const logFile = specs.find((spec) => spec.name === name)?.logFile ?? '';
  const tail = tailOf(logFile, TAIL_LINES).map((line) => `\n    ${line}`);
  return new StackError(
    `${name} cannot be started (${how}); ${logFile} ends with:${tail.join('')}`,
    how === 2 || how === 3 ? how : 1,
  );
}
