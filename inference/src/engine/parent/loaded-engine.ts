import type { ChildProcess } from 'node:child_process';
import { HeadgateError } from '@headgate/contracts/errors';
import { engineEnded } from '../../errors.ts';
import { createOutbox, type Outbox, onMessage } from '../channel.ts';
import { classifyFailure } from '../failure.ts';
import {
  type FromEngine,
  type LoadReport,
  type Question,
  STATS_INTERVAL_MS,
  type ToEngine,
} from '../protocol.ts';
import type { EndKind, EngineListener, EngineOptions, EngineProcess } from './process.ts';

/** Signs of life that an engine may miss before it counts as hung. */
const SILENT_INTERVALS = 3;

/** What is known of an engine once it is loaded. */
export interface LoadedState {
  readonly ended: Promise<string>;
  readonly report: LoadReport;
  readonly residentBytes: number;
}

/** An engine from the moment it is warm: passes work on, listens for signs of life, and ends what cannot go on. */
export class LoadedEngine implements EngineProcess {
  readonly report: LoadReport;
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #outbox: Outbox<ToEngine>;
  readonly #options: EngineOptions;
  readonly #wornOut = Promise.withResolvers<void>();
  #listener: EngineListener | undefined;
  #residentBytes: number;
  #endKind: EndKind = 'crash';
  #heardAtMs = performance.now();
  #runTimer: NodeJS.Timeout | undefined;

  constructor(child: ChildProcess, state: LoadedState, options: EngineOptions) {
    const { ended, report, residentBytes } = state;
    this.#child = child;
    this.ended = ended;
    this.report = report;
    this.#residentBytes = residentBytes;
    this.#options = options;
    this.#outbox = createOutbox(child);
    onMessage<FromEngine>(child, (message) => this.#receive(message));
    // A healthy idle engine sends one message per interval, however short the time for a run is.
    const silenceMs = Math.max(options.runTimeoutMs, SILENT_INTERVALS * STATS_INTERVAL_MS);
    let tickedAtMs = performance.now();
    const silence = setInterval(() => {
      const nowMs = performance.now();
      // A late tick means that this process was suspended, and its engines with it: their silence starts again.
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

  get deviceId(): number {
    return this.#options.spec.deviceId;
  }

  get maxBatchSize(): number {
    return this.#options.spec.manifest.batching.max_batch_size;
  }

  get decodeThreads(): number {
    return this.#options.spec.decodeThreads;
  }

  get wornOut(): Promise<void> {
    return this.#wornOut.promise;
  }

  get endKind(): EndKind {
    return this.#endKind;
  }

  residentBytes(): number {
    return this.#residentBytes;
  }

  listen(listener: EngineListener): void {
    this.#listener = listener;
  }

  prepare(id: number, question: Question): void {
    this.#outbox.send({ type: 'prepare', id, ...question });
  }

  discard(id: number): void {
    this.#outbox.send({ type: 'discard', id });
  }

  run(ids: readonly number[]): void {
    const { runTimeoutMs } = this.#options;
    this.#runTimer = setTimeout(() => this.#killHung('runs', runTimeoutMs), runTimeoutMs);
    this.#outbox.send({ type: 'run', ids });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #killHung(what: string, limitMs: number): void {
    const message = `an engine ${what} for more than ${limitMs} ms; it is taken for hung and killed`;
    this.#options.log.error({ pid: this.pid }, message);
    this.#endKind = 'hang';
    this.kill();
  }

  #receive(message: FromEngine): void {
    this.#heardAtMs = performance.now();
    switch (message.type) {
      case 'decoded':
        this.#listener?.decoded(message.id, message.decodeMs);
        this.#options.onSpan?.({ stage: 'decode', tookMs: message.decodeMs, endedAtMs: message.endedAtMs });
        break;
      case 'discarded':
        this.#listener?.discarded(message.id);
        break;
      case 'failed': {
        const { reason, detail, cause } = message.failure;
        this.#listener?.failed(message.id, new HeadgateError(reason, detail, { cause }));
        break;
      }
      case 'ran':
        clearTimeout(this.#runTimer);
        this.#listener?.ran(message.rows, message.runMs);
        this.#options.onSpan?.({ stage: 'run', tookMs: message.runMs, endedAtMs: message.endedAtMs });
        break;
      case 'run_failed':
        clearTimeout(this.#runTimer);
        this.#runFailed(message.message);
        break;
      case 'stats':
        this.#weigh(message.residentBytes);
    }
  }

  #weigh(residentBytes: number): void {
    const { memoryLimitBytes } = this.#options;
    this.#residentBytes = residentBytes;
    if (memoryLimitBytes > 0 && residentBytes > memoryLimitBytes) this.#wornOut.resolve();
  }

  /** Without memory or device this process has no more answers: the batch may be tried again on another. */
  #runFailed(cause: string): void {
    const kind = classifyFailure(cause);
    if (kind === 'model') {
      this.#listener?.runFailed(new HeadgateError('internal', 'The model failed on this batch.', { cause }));
      return;
    }
    this.#options.log.error(
      { pid: this.pid, kind, err: new Error(cause) },
      'a run failed in a way that ends its engine',
    );
    this.#endKind = kind;
    this.kill();
    this.#listener?.runFailed(engineEnded(cause));
  }
}
