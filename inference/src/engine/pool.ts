import type { Logger } from '@headgate/contracts/telemetry/logger';
import type { Clock } from '../clock.ts';
import type { EngineProcess } from './process.ts';

export interface PoolOptions {
  /** Engine processes to keep; at least 1. */
  readonly instances: number;
  /** Starts one engine, unless the signal ends it first. @throws LoadError */
  readonly start: (signal: AbortSignal) => Promise<EngineProcess>;
  /** First pause before an engine is started again, in ms; doubles up to `restartMaxMs`. */
  readonly restartMinMs: number;
  readonly restartMaxMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly listener: PoolListener;
}

export interface PoolListener {
  /** An engine is warm and may get work. */
  up(engine: EngineProcess): void;
  /** An engine that was up has ended; it answers nothing any more. */
  down(engine: EngineProcess, reason: string): void;
  /** An engine could not be started; it is tried again after the pause. */
  startFailed(error: unknown): void;
}

/** Keeps the engines of one model version running until it is closed. */
export interface EnginePool {
  /** Engines that are up now. */
  engines(): readonly EngineProcess[];
  /** Starts after the first one of each engine, since the pool began. */
  restarts(): number;
  /** Ends all engines and starts no more. Resolves when every process has ended. */
  close(): Promise<void>;
}

/** Starts all engines at once; each is then restarted on its own. */
export function createPool(options: PoolOptions): EnginePool {
  return new RestartingPool(options);
}

class RestartingPool implements EnginePool {
  readonly #options: PoolOptions;
  readonly #up = new Set<EngineProcess>();
  readonly #closing = new AbortController();
  readonly #loops: readonly Promise<void>[];
  #restarts = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#loops = Array.from({ length: options.instances }, () => this.#keepRunning());
  }

  engines(): readonly EngineProcess[] {
    return [...this.#up];
  }

  restarts(): number {
    return this.#restarts;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const engine of this.#up) engine.kill();
    await Promise.all(this.#loops);
  }

  async #keepRunning(): Promise<void> {
    const { restartMinMs, restartMaxMs, log } = this.#options;
    const { signal } = this.#closing;
    let pauseMs = restartMinMs;
    while (!signal.aborted) {
      const upMs = await this.#serveOnce();
      if (signal.aborted) return;
      // An engine that held out for the longest pause starts over with the shortest.
      if (upMs >= restartMaxMs) pauseMs = restartMinMs;
      log.warn({ pause_ms: pauseMs }, 'an engine is started again after a pause');
      await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, restartMaxMs);
      this.#restarts += 1;
    }
  }

  /** Serves until the engine ends. @returns how long it was up, in ms; 0 when it did not start */
  async #serveOnce(): Promise<number> {
    const { start, listener, clock } = this.#options;
    const { signal } = this.#closing;
    const engine = await start(signal).catch((error: unknown) => {
      if (!signal.aborted) listener.startFailed(error);
    });
    if (!engine) return 0;
    if (signal.aborted) {
      engine.kill();
      await engine.ended;
      return 0;
    }
    this.#up.add(engine);
    listener.up(engine);
    const upSinceMs = clock.now();
    const reason = await engine.ended;
    this.#up.delete(engine);
    listener.down(engine, reason);
    return clock.now() - upSinceMs;
  }

  /** Resolves after `ms`, or at once when the pool is closed. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#options.clock.after(ms, done);
      signal.addEventListener('abort', done);
    });
  }
}
