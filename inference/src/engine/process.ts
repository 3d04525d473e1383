import { type ChildProcess, fork } from 'node:child_process';
import { HeadgateError } from '@headgate/contracts/errors';
import type { Logger } from '@headgate/contracts/telemetry/logger';
import { LoadError } from '../load-error.ts';
import {
  type EngineSpec,
  type FromEngine,
  type LoadReport,
  type Payload,
  type Row,
  type RowFailure,
  STATS_INTERVAL_MS,
  type ToEngine,
} from './protocol.ts';

export interface EngineOptions {
  /** Module that the child runs: `child.ts`, or its bundle. */
  readonly entry: URL;
  readonly spec: EngineSpec;
  /** The child must be loaded and warm within this time, in ms. */
  readonly startTimeoutMs: number;
  /** A batch that runs longer, or a child that is silent for longer, is taken for hung; in ms. */
  readonly runTimeoutMs: number;
  /** Environment of the child. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
}

/** What an engine reports to the one who gives it work. */
export interface EngineListener {
  decoded(id: number, decodeMs: number): void;
  failed(id: number, error: HeadgateError): void;
  ran(rows: readonly (Row | RowFailure)[], runMs: number): void;
  /** The batch failed as a whole; the engine goes on. */
  runFailed(error: HeadgateError): void;
}

/** An engine may miss so many signs of life before it is taken for hung. */
const SILENT_INTERVALS = 5;

/** One loaded engine process. */
export interface EngineProcess {
  readonly pid: number;
  readonly report: LoadReport;
  /** Resolves with the reason when the process has ended, whoever ended it. Never rejects. */
  readonly ended: Promise<string>;
  residentBytes(): number;
  listen(listener: EngineListener): void;
  /** `payload` is copied into the channel before this returns. */
  prepare(id: number, payload: Payload): void;
  discard(id: number): void;
  run(ids: readonly number[]): void;
  /** Ends the process at once: it holds no state worth keeping. */
  kill(): void;
}

/**
 * Starts an engine and waits until it is warm.
 *
 * @param signal ends an engine that is still loading
 * @throws LoadError when it refuses the model, ends before it is ready, or takes too long
 */
export async function startEngine(options: EngineOptions, signal: AbortSignal): Promise<EngineProcess> {
  const child = fork(options.entry, [], {
    serialization: 'advanced',
    // Execution arguments of the front (inspector, coverage) are not the engine's.
    execArgv: [],
    env: { ...options.env, UV_THREADPOOL_SIZE: String(options.spec.decodeThreads) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  const abort = () => child.kill('SIGKILL');
  signal.addEventListener('abort', abort, { once: true });
  try {
    const report = await handshake(child, ended, options);
    return new LoadedEngine(child, ended, report, options);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function handshake(child: ChildProcess, ended: Promise<string>, options: EngineOptions): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new LoadError(`the engine was not ready within ${options.startTimeoutMs} ms`));
    }, options.startTimeoutMs);
    void ended.then((reason) =>
      reject(new LoadError(`the engine ended while it loaded the model: ${reason}`)),
    );
    child.once('message', (message: FromEngine) => {
      clearTimeout(timer);
      if (message.type === 'loaded') resolve(message.report);
      else reject(new LoadError(message.type === 'refused' ? message.message : `unexpected ${message.type}`));
    });
    post(child, { type: 'load', spec: options.spec });
  });
}

class LoadedEngine implements EngineProcess {
  readonly report: LoadReport;
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #options: EngineOptions;
  #listener: EngineListener | undefined;
  #residentBytes = 0;
  #heardAtMs = performance.now();
  #runTimer: NodeJS.Timeout | undefined;

  constructor(child: ChildProcess, ended: Promise<string>, report: LoadReport, options: EngineOptions) {
    this.#child = child;
    this.ended = ended;
    this.report = report;
    this.#options = options;
    child.on('message', (message: FromEngine) => this.#receive(message));
    // However short a run may be, a healthy idle engine is heard only once in each interval.
    const silenceMs = Math.max(options.runTimeoutMs, SILENT_INTERVALS * STATS_INTERVAL_MS);
    let tickedAtMs = performance.now();
    const silence = setInterval(() => {
      const nowMs = performance.now();
      // A late tick means that this process stood still, and its engines with it: they get a new start.
      if (nowMs - tickedAtMs > 2 * STATS_INTERVAL_MS) this.#heardAtMs = nowMs;
      tickedAtMs = nowMs;
      if (nowMs - this.#heardAtMs > silenceMs) this.#killHung('is silent', silenceMs);
    }, STATS_INTERVAL_MS);
    void ended.then(() => {
      clearInterval(silence);
      clearTimeout(this.#runTimer);
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  residentBytes(): number {
    return this.#residentBytes;
  }

  listen(listener: EngineListener): void {
    this.#listener = listener;
  }

  prepare(id: number, payload: Payload): void {
    post(this.#child, { type: 'prepare', id, payload });
  }

  discard(id: number): void {
    post(this.#child, { type: 'discard', id });
  }

  run(ids: readonly number[]): void {
    const { runTimeoutMs } = this.#options;
    this.#runTimer = setTimeout(() => this.#killHung('runs', runTimeoutMs), runTimeoutMs);
    post(this.#child, { type: 'run', ids });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #killHung(what: string, limitMs: number): void {
    const message = `an engine ${what} for more than ${limitMs} ms; it is taken for hung and killed`;
    this.#options.log.error({ pid: this.pid }, message);
    this.kill();
  }

  #receive(message: FromEngine): void {
    this.#heardAtMs = performance.now();
    switch (message.type) {
      case 'decoded':
        this.#listener?.decoded(message.id, message.decodeMs);
        break;
      case 'failed': {
        const { reason, detail, cause } = message.failure;
        this.#listener?.failed(message.id, new HeadgateError(reason, detail, { cause }));
        break;
      }
      case 'ran':
        clearTimeout(this.#runTimer);
        this.#listener?.ran(message.rows, message.runMs);
        break;
      case 'run_failed':
        clearTimeout(this.#runTimer);
        this.#listener?.runFailed(
          new HeadgateError('internal', 'The model failed on this batch.', { cause: message.message }),
        );
        break;
      case 'stats':
        this.#residentBytes = message.residentBytes;
    }
  }
}

/** A channel that is closed already is no error here: `ended` tells. */
function post(child: ChildProcess, message: ToEngine): void {
  if (child.connected) child.send(message, () => {});
}
