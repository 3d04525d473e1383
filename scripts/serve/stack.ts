import type { Guard } from '../setup/guard.mjs';
import { type Child, type ChildEvents, type ChildSpec, type Crash, createChild } from './child.ts';
import { startLog, tailOf } from './log-file.ts';

/** Exit codes that another start would only repeat: 2 = configuration, 3 = a port is taken. */
const HOPELESS: readonly Crash['how'][] = [2, 3, 127];
/** A component that never became ready fails the start after this many crashes; later it is always restarted. */
const MAX_EARLY_CRASHES = 3;
/** Predictions go on without these. */
const OPTIONAL: ReadonlySet<ChildSpec['name']> = new Set(['control']);
const TAIL_LINES = 6;
/** Characters of a line; a stack trace inside a JSON line is longer. */
const MAX_LINE = 400;

/** A component could not be started. */
export class StackError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
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
  /** Null while a part is down, or when this stack has none. */
  pids(): Record<ChildSpec['name'], number | null>;
  /** The last lines of every log, to explain why the stack is not ready. */
  lastWords(): string;
  /** Stops the last component first: it is the one that accepts from outside. */
  stop(options: {
    readonly force: AbortSignal;
    readonly beforeEach: (name: Child['name']) => Promise<void>;
  }): Promise<void>;
}

export function createStack(specs: readonly ChildSpec[], { guard, onCrash, onRestart }: StackOptions): Stack {
  let early = true;
  const failure = Promise.withResolvers<never>();
  // It may fail before a caller awaits it.
  failure.promise.catch(() => {});
  const events: ChildEvents = {
    crashed: (crash) => {
      const hopeless = HOPELESS.includes(crash.how) || crash.crashesInARow >= MAX_EARLY_CRASHES;
      if (early && hopeless && !OPTIONAL.has(crash.name)) failure.reject(startError(specs, crash));
      else onCrash(crash);
    },
    restarted: onRestart,
  };
  const children = specs.map((spec) => createChild(spec, guard, events));
  const pid = (name: ChildSpec['name']) => children.find((child) => child.name === name)?.pid() ?? null;
  return {
    start: () => {
      for (const spec of specs) startLog(spec.logFile);
      for (const child of children) child.start();
    },
    settled: () => {
      early = false;
    },
    failed: failure.promise,
    lastWords: () => specs.map(lastWordsOf).join('\n'),
    pids: () => ({
      control: pid('control'),
      gateway: pid('gateway'),
      inference: pid('inference'),
      envoy: pid('envoy'),
    }),
    stop: async ({ force, beforeEach }) => {
      for (const child of children.toReversed()) {
        await beforeEach(child.name);
        await child.stop(force);
      }
    },
  };
}

function startError(specs: readonly ChildSpec[], { name, how }: Crash): StackError {
  const words = specs.filter((spec) => spec.name === name).map(lastWordsOf);
  return new StackError(`${name} cannot be started (${how}); ${words}`, how === 2 || how === 3 ? how : 1);
}

function lastWordsOf({ logFile }: ChildSpec): string {
  const tail = tailOf(logFile, TAIL_LINES).map((line) => `\n    ${line.slice(0, MAX_LINE)}`);
  return `${logFile} ends with:${tail.join('')}`;
}
