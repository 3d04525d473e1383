import type { TimerClock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import { MemoryLimitError } from '../../load-error.ts';
import { classifyFailure } from '../failure.ts';
import type { EndKind, EngineProcess } from './process.ts';

/** Where an engine runs, and how much it may be given at once. */
export interface Place {
  /** CUDA device; the CPU provider ignores it. */
  readonly deviceId: number;
  readonly maxBatchSize: number;
}

interface SlotOptions {
  /** Starts one engine, unless the signal ends it first. @throws LoadError */
  readonly start: (place: Place, signal: AbortSignal) => Promise<EngineProcess>;
  /** First pause before an engine is started again, in ms; doubles up to `restartMaxMs`. */
  readonly restartMinMs: number;
  readonly restartMaxMs: number;
  /** Whether a fresh engine is started before or after the one ends that it replaces. */
  readonly recycle: 'overlap' | 'replace';
  /** An engine that is replaced ends at the latest after this time, in ms. */
  readonly drainTimeoutMs: number;
  readonly clock: TimerClock;
  readonly log: Logger;
  readonly listener: SlotListener;
}

interface SlotListener {
  /** An engine is warm and may get work. */
  up(engine: EngineProcess): void;
  /** It is to get no more work. Resolves when it has answered what it had, or has ended. */
  drain(engine: EngineProcess): Promise<void>;
  /** An engine that was up has ended; it answers nothing any more. `expected`: it was replaced. */
  down(engine: EngineProcess, reason: string, expected: boolean): void;
  /** An engine could not be started. It is tried again after the pause, unless it never fits its memory limit. */
  startFailed(error: unknown): void;
}

/** Why a new engine had to be started: how the one before it ended, or that it could not be started. */
type RestartReason = EndKind | 'load';

/** What can be seen of one slot. */
export interface SlotState extends Place {
  readonly restarts: ReadonlyMap<RestartReason, number>;
  /** Engines that were replaced for their memory. */
  readonly recycles: number;
  readonly outOfMemory: number;
  /** Pause that it waits out now, in ms; 0 otherwise. */
  readonly pauseMs: number;
  /** How the last engine ended, or why it could not be started. */
  readonly lastReason: string | undefined;
}

/** Keeps one engine running: starts it, again after a pause when it ends, and replaces one that has grown too large. */
class Slot {
  readonly #options: SlotOptions;
  readonly #signal: AbortSignal;
  /** Since when each engine is up. */
  readonly #up = new Map<EngineProcess, number>();
  readonly #replaced = new WeakSet<EngineProcess>();
  readonly #restarts = new Map<RestartReason, number>();
  #place: Place;
  #pauseMs = 0;
  #nextPauseMs: number;
  #recycles = 0;
  #outOfMemory = 0;
  #lastReason: string | undefined;
  /** A fresh engine is over the memory limit: to start another one would be a loop. */
  #neverFits = false;
  /** Resolves when no engine runs and none will: it is closed, or has given up. */
  readonly done: Promise<void>;

  /** Starts at once. @param signal closes it */
  constructor(place: Place, options: SlotOptions, signal: AbortSignal) {
    this.#place = place;
    this.#options = options;
    this.#signal = signal;
    this.#nextPauseMs = options.restartMinMs;
    signal.addEventListener('abort', () => {
      for (const engine of this.engines()) engine.kill();
    });
    this.done = this.#keepRunning();
  }

  /** Engines that are up: one, none, or two while one replaces the other. */
  engines(): readonly EngineProcess[] {
    return [...this.#up.keys()];
  }

  state(): SlotState {
    return {
      ...this.#place,
      restarts: this.#restarts,
      recycles: this.#recycles,
      outOfMemory: this.#outOfMemory,
      pauseMs: this.#pauseMs,
      lastReason: this.#lastReason,
    };
  }

  async #keepRunning(): Promise<void> {
    while (!this.#signal.aborted) {
      const reason = await this.#serve();
      if (this.#signal.aborted || this.#neverFits) break;
      this.#options.log.warn(
        { pause_ms: this.#nextPauseMs, reason: this.#lastReason, device_id: this.#place.deviceId },
        'an engine is started again after a pause',
      );
      await this.#backOff();
      this.#restarts.set(reason, (this.#restarts.get(reason) ?? 0) + 1);
    }
    await Promise.all(this.engines().map(({ ended }) => ended));
  }

  /** Serves until an engine ends, or its successor cannot be started. @returns which */
  async #serve(): Promise<RestartReason> {
    let engine = await this.#start();
    while (engine) {
      const hasEnded = engine.ended.then(() => true);
      if (await Promise.race([hasEnded, engine.wornOut.then(() => false)])) return engine.endKind;
      engine = await this.#replace(engine);
    }
    return 'load';
  }

  async #start(): Promise<EngineProcess | undefined> {
    const { start } = this.#options;
    const engine = await start(this.#place, this.#signal).catch((error: unknown) => {
      if (!this.#signal.aborted) this.#startFailed(error);
    });
    if (!engine) return undefined;
    if (this.#signal.aborted) engine.kill();
    else this.#attach(engine);
    return engine;
  }

  #startFailed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#lastReason = message;
    this.#neverFits = error instanceof MemoryLimitError;
    if (classifyFailure(message) === 'out_of_memory') this.#halveBatches();
    this.#options.listener.startFailed(error);
  }

  #attach(engine: EngineProcess): void {
    const { listener, clock } = this.#options;
    this.#up.set(engine, clock.monotonicMs());
    listener.up(engine);
    void engine.ended.then((reason) => {
      const expected = this.#replaced.has(engine);
      if (!expected) this.#forgiveIfLasting(engine);
      this.#up.delete(engine);
      this.#lastReason = reason;
      if (engine.endKind === 'out_of_memory') this.#halveBatches();
      listener.down(engine, reason, expected);
    });
  }

  /** An engine that held out for the longest pause starts over with the shortest. */
  #forgiveIfLasting(engine: EngineProcess): void {
    const { clock, restartMinMs, restartMaxMs } = this.#options;
    const upMs = clock.monotonicMs() - (this.#up.get(engine) ?? clock.monotonicMs());
    if (upMs >= restartMaxMs) this.#nextPauseMs = restartMinMs;
  }

  /** @returns the engine that serves from now on: the same one when it could not be replaced */
  async #replace(old: EngineProcess): Promise<EngineProcess | undefined> {
    const { recycle, log } = this.#options;
    log.warn({ pid: old.pid, resident_bytes: old.residentBytes() }, 'an engine is over its memory limit');
    this.#forgiveIfLasting(old);
    await this.#backOff();
    if (this.#signal.aborted || !this.#up.has(old)) return old;
    if (recycle === 'replace') {
      await this.#retire(old);
      return this.#start();
    }
    const successor = await this.#start();
    if (successor) {
      await this.#retire(old);
      return successor;
    }
    log.error({ pid: old.pid }, 'no other engine could be started in its place; it goes on');
    if (this.#neverFits) await old.ended;
    return old;
  }

  /** Lets an engine finish what it has, and ends it. */
  async #retire(engine: EngineProcess): Promise<void> {
    const { listener, clock, drainTimeoutMs } = this.#options;
    this.#recycles += 1;
    const timeout = Promise.withResolvers<void>();
    const cancel = clock.after(drainTimeoutMs, timeout.resolve);
    await Promise.race([listener.drain(engine), engine.ended, timeout.promise]);
    cancel();
    this.#replaced.add(engine);
    engine.kill();
    await engine.ended;
  }

  #halveBatches(): void {
    const { deviceId } = this.#place;
    const maxBatchSize = Math.max(1, Math.floor(this.#place.maxBatchSize / 2));
    this.#outOfMemory += 1;
    this.#place = { deviceId, maxBatchSize };
    this.#options.log.warn(
      { device_id: deviceId, max_batch_size: maxBatchSize },
      'an engine ran out of memory; from now on its batches are at most half as large',
    );
  }

  /** Waits for the next pause, which doubles each time; not any longer when it is closed. */
  async #backOff(): Promise<void> {
    const { clock, restartMaxMs } = this.#options;
    const signal = this.#signal;
    this.#pauseMs = this.#nextPauseMs;
    this.#nextPauseMs = Math.min(this.#pauseMs * 2, restartMaxMs);
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.after(this.#pauseMs, done);
      signal.addEventListener('abort', done);
    });
    this.#pauseMs = 0;
  }
}

export interface PoolOptions extends SlotOptions {
  /** Device of each engine to keep; at least one. */
  readonly devices: readonly number[];
  readonly maxBatchSize: number;
}

/** Keeps the engines of one model version running until it is closed. */
export interface EnginePool {
  /** Engines that are up now. */
  engines(): readonly EngineProcess[];
  /** One for each engine to keep, in the order of `devices`. */
  slots(): readonly SlotState[];
  /** Ends all engines and starts no more. Resolves when every process has ended. */
  close(): Promise<void>;
}

/** Starts all engines at once; each is then restarted on its own. */
export function createPool({ devices, maxBatchSize, ...options }: PoolOptions): EnginePool {
  const closing = new AbortController();
  const slots = devices.map((deviceId) => new Slot({ deviceId, maxBatchSize }, options, closing.signal));
  return {
    engines: () => slots.flatMap((slot) => slot.engines()),
    slots: () => slots.map((slot) => slot.state()),
    async close() {
      closing.abort();
      await Promise.all(slots.map(({ done }) => done));
    },
  };
}
