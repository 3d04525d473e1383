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
  const { clock, log, listener } = options;
  const up = new Set<EngineProcess>();
  const closing = new AbortController();
  const { signal } = closing;
  let restarts = 0;

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.after(ms, done);
      signal.addEventListener('abort', done);
    });

  /** Serves until the engine ends. @returns how long it was up, in ms; 0 when it did not start */
  const serveOnce = async (): Promise<number> => {
    const engine = await options.start(signal).catch((error: unknown) => {
      if (!signal.aborted) listener.startFailed(error);
    });
    if (!engine) return 0;
    if (signal.aborted) {
      engine.kill();
      await engine.ended;
      return 0;
    }
    up.add(engine);
    listener.up(engine);
    const upSinceMs = clock.now();
    const reason = await engine.ended;
    up.delete(engine);
    listener.down(engine, reason);
    return clock.now() - upSinceMs;
  };

  const keepRunning = async () => {
    let pauseMs = options.restartMinMs;
    while (!signal.aborted) {
      const upMs = await serveOnce();
      if (signal.aborted) return;
      // An engine that held out for the longest pause starts over with the shortest.
      if (upMs >= options.restartMaxMs) pauseMs = options.restartMinMs;
      log.warn({ pause_ms: pauseMs }, 'an engine is started again after a pause');
      await pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, options.restartMaxMs);
      restarts += 1;
    }
  };

  const loops = Array.from({ length: options.instances }, keepRunning);
  return {
    engines: () => [...up],
    restarts: () => restarts,
    async close() {
      closing.abort();
      for (const engine of up) engine.kill();
      await Promise.all(loops);
    },
  };
}
