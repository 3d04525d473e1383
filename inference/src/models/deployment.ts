import { HeadgateError } from '@headgate/contracts/errors';
import type { TimerClock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import type { AdmissionPolicy } from '../admission/admission.ts';
import { type CacheSettings, ResponseCache } from '../cache/response-cache.ts';
import { Dispatcher } from '../dispatch.ts';
import type { EngineProcess } from '../engine/parent/process.ts';
import { createPool, type EnginePool, type Place, type SlotState } from '../engine/parent/slot.ts';
import { unavailable } from '../errors.ts';
import type { DispatchObserver } from '../lane.ts';
import { LoadError, loadErrorKind } from '../load-error.ts';
import { policiesOf } from '../policies.ts';
import type { QueuePolicy } from '../queue.ts';
import { startBatchSpan } from '../telemetry/spans.ts';
import type { VersionCounters } from '../telemetry/version-counters.ts';
import type { LoadGate } from './load-gate.ts';
import type { ModelPackage, ModelRepository } from './repository.ts';

/** What deployments need from their surroundings. */
export interface DeploymentDeps {
  readonly repository: ModelRepository;
  /** Starts one engine for a model version. @throws LoadError */
  readonly startEngine: (model: ModelPackage, place: Place, signal: AbortSignal) => Promise<EngineProcess>;
  /** Device of each engine of a model version. */
  readonly devicesOf: (model: string) => readonly number[];
  /** Lets engine starts in, of all versions together. */
  readonly gate: LoadGate;
  readonly admission: AdmissionPolicy;
  readonly restartMinMs: number;
  readonly restartMaxMs: number;
  readonly recycle: 'overlap' | 'replace';
  /** A version that is retired, and an engine that is replaced, finish their work within this time, in ms. */
  readonly drainTimeoutMs: number;
  /** Settings of the response cache of a model; undefined: it has none. */
  readonly cacheOf: (model: string) => CacheSettings | undefined;
  readonly clock: TimerClock;
  readonly log: Logger;
  readonly counters: VersionCounters;
  /** After each change of `status`. */
  readonly onChange: () => void;
}

/**
 * `loading` until the first engine is warm or could not be started; `failed`: no engine is ready, a new start is
 * tried after a pause; `retired`: taken out of the routing table.
 */
export type Status = 'loading' | 'ready' | 'failed' | 'retired';

/** A version that can take work, with what is needed to check a request and to word its answer. */
export interface Serving {
  readonly model: ModelPackage;
  readonly queue: QueuePolicy;
  readonly dispatcher: Dispatcher;
  /** Only where the configuration turns one on. */
  readonly cache: ResponseCache | undefined;
  readonly counters: VersionCounters;
}

/** One served model version, from its folder to its running engines. */
export class Deployment {
  readonly model: string;
  readonly version: string;
  readonly #deps: DeploymentDeps;
  readonly #log: Logger;
  readonly #retired = new AbortController();
  readonly #firstStart = Promise.withResolvers<void>();
  #status: Status = 'loading';
  #problem: unknown;
  #serving: Serving | undefined;
  #pool: EnginePool | undefined;
  #cancelRetry: (() => void) | undefined;
  #readySinceMs: number | undefined;
  #changedOnDisk = false;

  constructor(model: string, version: string, deps: DeploymentDeps) {
    this.model = model;
    this.version = version;
    this.#deps = deps;
    this.#log = deps.log.child({ model, version });
    // Most versions are named by the routing table: no caller waits for their start.
    this.#firstStart.promise.catch(() => {});
  }

  get status(): Status {
    return this.#status;
  }

  /** When it was ready for the first time, in ms since the Unix epoch; undefined before that. */
  get readySinceMs(): number | undefined {
    return this.#readySinceMs;
  }

  get #wasReady(): boolean {
    return this.#readySinceMs !== undefined;
  }

  /** Why the last attempt to load it or to start an engine failed; undefined while it is ready. */
  get problem(): unknown {
    return this.#problem;
  }

  /** Resolves when it is ready for the first time. Rejects with the reason when the first attempt fails. */
  get firstStart(): Promise<void> {
    return this.#firstStart.promise;
  }

  /** The package, once it was read; also while no engine is ready. */
  get package(): ModelPackage | undefined {
    return this.#serving?.model;
  }

  /** Whether the repository holds something else by now than what was loaded. */
  get changedOnDisk(): boolean {
    return this.#changedOnDisk;
  }

  get engines(): readonly EngineProcess[] {
    return this.#pool?.engines() ?? [];
  }

  /** Each engine to keep, whether it is up or not. */
  get slots(): readonly SlotState[] {
    return this.#pool?.slots() ?? [];
  }

  get cache(): ResponseCache | undefined {
    return this.#serving?.cache;
  }

  get counters(): VersionCounters {
    return this.#deps.counters;
  }

  get queued(): number {
    return this.#serving?.dispatcher.queued ?? 0;
  }

  get inFlight(): number {
    return this.#serving?.dispatcher.inFlight ?? 0;
  }

  /** Items that may be in flight now; 0 before the package was read. */
  get limit(): number {
    return this.#serving?.dispatcher.limit ?? 0;
  }

  /** @throws HeadgateError unavailable while no engine is ready */
  serving(): Serving {
    if (this.#status === 'retired') {
      throw new HeadgateError(
        'unknown_version',
        `Version ${this.version} of ${this.model} is not served any more.`,
      );
    }
    if (this.#serving && this.#status === 'ready') return this.#serving;
    const name = `Version ${this.version} of ${this.model}`;
    const { restartMinMs, restartMaxMs } = this.#deps;
    if (this.#status === 'failed') {
      const detail = `${name} cannot be loaded; the operator finds why in the log of inference.`;
      throw unavailable(detail, restartMaxMs);
    }
    throw unavailable(
      `${name} is loading; please try again in ${Math.ceil(restartMinMs / 1000)} s.`,
      restartMinMs,
    );
  }

  /** Reads the package and starts the engines; tries again until it succeeds or the version is retired. */
  async start(pauseMs = this.#deps.restartMinMs): Promise<void> {
    const { repository, clock, restartMaxMs } = this.#deps;
    try {
      const model = await repository.open(this.model, this.version, this.#retired.signal);
      if (!this.#retired.signal.aborted) this.#serve(model);
    } catch (error) {
      if (this.#retired.signal.aborted) return;
      this.#fail(error);
      this.#cancelRetry = clock.after(pauseMs, () => void this.start(Math.min(pauseMs * 2, restartMaxMs)));
    }
  }

  /**
   * A version that serves goes on as it was loaded. One that never came up is read again.
   *
   * @param opened the package that was compared
   */
  setChangedOnDisk(opened: ModelPackage, changed: boolean): void {
    if (opened !== this.package || changed === this.#changedOnDisk || this.#status === 'retired') return;
    this.#changedOnDisk = changed;
    if (!changed) return;
    if (this.#wasReady) {
      this.#log.warn(
        'the version was changed in the repository; it is served as it was until it is reloaded',
      );
    } else if (this.#status === 'failed') void this.#startOver();
  }

  /** Takes no more work, finishes what was accepted within `timeoutMs`, and ends the engines. */
  async retire(timeoutMs: number): Promise<void> {
    this.#setStatus('retired');
    this.#firstStart.reject(new Error('it is not wanted any more'));
    this.#retired.abort();
    this.#cancelRetry?.();
    const timeout = Promise.withResolvers<void>();
    const cancel = this.#deps.clock.after(timeoutMs, timeout.resolve);
    await Promise.race([this.#serving?.dispatcher.drained(), timeout.promise]);
    cancel();
    this.#serving?.cache?.clear();
    await this.#pool?.close();
  }

  async #startOver(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    this.#serving = undefined;
    this.#changedOnDisk = false;
    await pool?.close();
    if (!this.#retired.signal.aborted) await this.start();
  }

  #serve(model: ModelPackage): void {
    const { admission, clock, gate, restartMinMs, restartMaxMs, recycle, drainTimeoutMs } = this.#deps;
    const { manifest } = model;
    const { batch, queue } = policiesOf(manifest);
    const { counters } = this.#deps;
    const dispatcher = new Dispatcher({ batch, queue, admission, clock, observer: this.#observer() });
    const settings = this.#deps.cacheOf(this.model);
    const cache = settings && new ResponseCache({ settings, manifest, dispatcher, clock });
    this.#serving = { model, queue, dispatcher, cache, counters };
    this.#pool = createPool({
      devices: this.#deps.devicesOf(this.model),
      maxBatchSize: batch.maxBatchSize,
      start: (place, signal) =>
        gate.run(() => this.#deps.startEngine(model, place, signal), { signal, urgent: this.#wasReady }),
      restartMinMs,
      restartMaxMs,
      recycle,
      drainTimeoutMs,
      clock,
      log: this.#log,
      listener: {
        up: (engine) => this.#up(dispatcher, engine),
        drain: (engine) => dispatcher.drain(engine),
        down: (engine, reason, expected) => this.#down(dispatcher, engine, { reason, expected }),
        startFailed: (error) => this.#fail(error),
      },
    });
  }

  /** Counts the batches and traces them. */
  #observer(): DispatchObserver {
    const { counters, clock } = this.#deps;
    return {
      batchStarted: (batch) => {
        const startedMs = clock.monotonicMs();
        const endSpan = startBatchSpan(this.model, this.version, batch);
        counters.batchStarted(batch);
        return (error) => {
          if (!error) counters.batchRan(batch, clock.monotonicMs() - startedMs);
          endSpan(error);
        };
      },
    };
  }

  #up(dispatcher: Dispatcher, engine: EngineProcess): void {
    const { provider, loadMs, warmUpMs, golden } = engine.report;
    const { pid, deviceId } = engine;
    this.#log.info(
      { pid, provider, device_id: deviceId, load_ms: Math.round(loadMs), golden },
      'an engine is ready',
    );
    dispatcher.attach(engine, warmUpMs);
    if (this.#status === 'retired') return;
    this.#problem = undefined;
    this.#readySinceMs ??= this.#deps.clock.epochMs();
    this.#firstStart.resolve();
    this.#setStatus('ready');
  }

  #down(dispatcher: Dispatcher, engine: EngineProcess, end: { reason: string; expected: boolean }): void {
    const { reason, expected } = end;
    dispatcher.detach(engine, reason);
    if (this.#status === 'retired') return;
    if (expected) this.#log.info({ pid: engine.pid }, 'an engine was replaced by a fresh one');
    else {
      this.#problem = new LoadError(`its engine ended (${reason})`);
      this.#log.error(
        { pid: engine.pid, reason },
        'an engine ended; what it had in work failed as unavailable',
      );
    }
    if (this.engines.length === 0) this.#setStatus('failed');
  }

  #fail(error: unknown): void {
    this.#problem = error;
    this.#firstStart.reject(error);
    this.#deps.counters.loadFailed(loadErrorKind(error));
    this.#log.error({ err: error }, 'the model version cannot be loaded; what is served already goes on');
    if (this.engines.length === 0) this.#setStatus('failed');
  }

  #setStatus(status: Status): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#deps.onChange();
  }
}
