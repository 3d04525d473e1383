import type { Target } from '../send.ts';
import type { PartProcess } from './usage.ts';

/** A way into a running server, with the processes that answer there. */
export interface Door {
  readonly name: string;
  readonly target: Target;
  /** Processes that work for this door; servers fork, so each call looks them up. */
  processes(): PartProcess[];
}

export interface RunningServer {
  /** Its process was spawned at this time of the monotonic clock, in ms. */
  readonly spawnedMs: number;
  readonly doors: readonly Door[];
  /** Runs the client where the server can be reached, in its network namespace for instance. */
  readonly clientWrapper: readonly string[];
  /** Undefined while it runs; what it printed last once it has ended. */
  ended(): string | undefined;
  /** Ends every process of it; bounded. */
  stop(): Promise<void>;
}

/** A server that is measured, spread over two compute threads. */
export interface Contender {
  readonly id: string;
  /** Longest wait for its first answer, in ms. */
  readonly startWithinMs: number;
  /** How often it may fail to come up before that is its result. */
  readonly tries: number;
  /** @param env added to its environment */
  start(env?: Readonly<Record<string, string>>): Promise<RunningServer>;
}
