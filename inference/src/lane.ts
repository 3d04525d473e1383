import { HeadgateError } from '@headgate/contracts/errors';
import type { DecodeCost } from '@headgate/contracts/image/decode-cost';
import type { TimerClock } from '@headgate/runtime/clock';
import type { Estimate } from './admission/estimate.ts';
import { type Batch, type BatchPolicy, Gathering, type Member } from './batch.ts';
import { Decoding, isHeavy } from './decoding.ts';
import type { EngineListener } from './engine/parent/process.ts';
import type { Question, Row, RowFailure } from './engine/protocol.ts';
import type { Item } from './item.ts';

/** The part of an engine that a lane drives. */
export interface EnginePort {
  /** Most items in one batch; the policy of the model may say less. */
  readonly maxBatchSize: number;
  /** Images decoded at the same time. */
  readonly decodeThreads: number;
  listen(listener: EngineListener): void;
  prepare(id: number, question: Question): void;
  discard(id: number): void;
  run(ids: readonly number[]): void;
}

/** What a lane tells metrics and traces. */
export interface DispatchObserver {
  /** A batch starts to run. The function that comes back is called when it has run, with the error if it failed. */
  batchStarted(batch: Batch): (error?: HeadgateError) => void;
}

export interface LaneOptions {
  readonly engine: EnginePort;
  readonly policy: BatchPolicy;
  readonly clock: TimerClock;
  readonly estimate: Estimate;
  readonly observer: DispatchObserver;
  /** The lane can take items: there is room in the gathering batch, or nothing to run. */
  readonly onRoom: () => void;
  /** An item was decoded in so many ms. */
  readonly onDecoded: (item: Item, decodeMs: number) => void;
  /** A batch has run. */
  readonly onRan: () => void;
}

interface Running {
  readonly batch: Batch;
  readonly startedAtMs: number;
  readonly ended: (error?: HeadgateError) => void;
}

/**
 * One engine: the batch that it runs, and the next one as it gathers. An idle engine never waits, unless the policy
 * grants a delay; and it never runs an item that has left.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #gathering: Gathering;
  readonly #had = new WeakSet<Item>();
  readonly #decoding: Decoding;
  #running: Running | undefined;
  /** Cancels the timer of a granted batch delay. */
  #cancelWait: (() => void) | undefined;
  #closed = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: LaneOptions) {
    const maxBatchSize = Math.min(options.policy.maxBatchSize, options.engine.maxBatchSize);
    this.#options = { ...options, policy: { ...options.policy, maxBatchSize } };
    this.#gathering = new Gathering(this.#options.policy);
    this.#decoding = new Decoding(options.engine.decodeThreads);
    options.engine.listen({
      decoded: (id, decodeMs) => this.#decoded(id, decodeMs),
      discarded: (id) => {
        if (this.#decoding.end(id)) options.onRoom();
      },
      failed: (id, error) => {
        this.#decoding.end(id);
        this.#gathering.remove(id)?.settle({ ok: false, error });
        this.#noteDrained();
        options.onRoom();
      },
      ran: (rows, runMs) => this.#ran(rows, runMs),
      runFailed: (error) => this.#endBatch(error),
    });
  }

  /** Items that it gathers: decoding or decoded. */
  get gathering(): number {
    return this.#gathering.size;
  }

  get room(): number {
    if (this.#drained) return 0;
    return this.#options.policy.maxBatchSize - this.#gathering.size;
  }

  get decodeThreads(): number {
    return this.#decoding.threads;
  }

  /** Decode threads that heavy items take. */
  get heavy(): number {
    return this.#decoding.heavy;
  }

  /** Whether an item of this cost may be handed ahead now. */
  accepts(cost: DecodeCost): boolean {
    return this.room > 0 && this.#decoding.accepts(cost);
  }

  /** Ms until its engine can begin a batch at the earliest; 0 when it is idle. */
  untilIdleMs(): number {
    if (!this.#running) return 0;
    const { startedAtMs, batch } = this.#running;
    const endsAtMs = startedAtMs + this.#options.estimate.runAtLeastMs(batch.members.length);
    return Math.max(0, endsAtMs - this.#options.clock.monotonicMs());
  }

  /** Ms after which one more item would have been run at the earliest. @param workAhead decoded before it */
  finishMs({ work }: DecodeCost, workAhead = 0): number {
    const { estimate } = this.#options;
    const decodedMs = estimate.decodeAtLeastMs(workAhead + work);
    return Math.max(this.untilIdleMs(), decodedMs) + estimate.runAtLeastMs(this.gathering + 1);
  }

  /** The same, behind what it decodes already. */
  soonMs(cost: DecodeCost): number {
    return this.finishMs(cost, this.#decoding.workAhead);
  }

  /** Items that it runs or gathers. */
  get load(): number {
    return (this.#running?.batch.members.length ?? 0) + this.gathering;
  }

  /** Items that keep an idle engine waiting for company. */
  get waiting(): number {
    return this.#running ? 0 : this.gathering;
  }

  /**
   * Items queued behind the running batch, oldest first; those that still decode come last. Without heavy ones: a
   * second decode would take longer than the wait.
   */
  behindRun(): readonly Item[] {
    return this.#running ? this.#gathering.items().filter(({ cost }) => !isHeavy(cost)) : [];
  }

  /** Whether its engine got this item at any time: an engine takes an id only once. */
  hasHad(item: Item): boolean {
    return this.#had.has(item);
  }

  /** Takes an item ahead: it decodes while the batch before it runs. @throws RangeError without room */
  take(item: Item): void {
    this.#gathering.add(item);
    this.#had.add(item);
    const { id, payload, sketch = false } = item;
    this.#decoding.begin(item);
    this.#options.engine.prepare(id, { payload, sketch });
  }

  /** @returns false when the item is not gathered here; what runs goes on */
  remove(id: number): boolean {
    if (!this.#gathering.remove(id)) return false;
    this.#options.engine.discard(id);
    // The granted delay counts from the oldest item, which may just have left.
    if (this.#cancelWait) this.#release();
    this.#noteDrained();
    return true;
  }

  /** Takes nothing more. Resolves when what it has is answered. */
  drain(): Promise<void> {
    this.#drained ??= Promise.withResolvers();
    this.#noteDrained();
    return this.#drained.promise;
  }

  /** Fails all its items. The engine has ended. */
  close(error: HeadgateError): void {
    this.#closed = true;
    this.#cancelWait?.();
    for (const item of this.#gathering.clear()) item.settle({ ok: false, error });
    this.#endBatch(error);
  }

  #decoded(id: number, decodeMs: number): void {
    const item = this.#decoding.end(id);
    if (item) this.#options.onDecoded(item, decodeMs);
    if (this.#gathering.markDecoded(id, decodeMs)) this.#release();
    this.#options.onRoom();
  }

  /** Starts the next batch of an idle engine, or waits as long as the policy says. */
  #release(): void {
    if (this.#running || this.#closed) return;
    const { clock, estimate, engine, observer, onRoom } = this.#options;
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    const nowMs = clock.monotonicMs();
    this.#dropHopeless(nowMs);
    const next = this.#gathering.release(nowMs, (size) => estimate.answerAtMostMs(size));
    if (!next) return;
    if ('waitMs' in next) {
      this.#cancelWait = clock.after(next.waitMs, () => this.#release());
      return;
    }
    this.#running = { batch: next, startedAtMs: nowMs, ended: observer.batchStarted(next) };
    engine.run(next.members.map(({ item }) => item.id));
    onRoom();
  }

  /** Drops items that the next run would answer too late, before the batch is chosen: others get their places. */
  #dropHopeless(nowMs: number): void {
    const { estimate, engine, onRoom } = this.#options;
    const dropped = this.#gathering.dropHopeless(nowMs, (size) => estimate.runAtLeastMs(size));
    for (const item of dropped) {
      engine.discard(item.id);
      item.settle({ ok: false, error: tooLate() });
    }
    if (dropped.length > 0) onRoom();
    this.#noteDrained();
  }

  #noteDrained(): void {
    if (this.load === 0) this.#drained?.resolve();
  }

  #ran(rows: readonly (Row | RowFailure)[], runMs: number): void {
    if (!this.#running) return;
    const batchSize = this.#running.batch.members.length;
    if (rows.length !== batchSize) {
      const cause = `${rows.length} answers for a batch of ${batchSize}`;
      this.#endBatch(modelFailed(cause));
      return;
    }
    const { clock, estimate, onRan } = this.#options;
    estimate.ran(batchSize, runMs);
    const endedAtMs = clock.monotonicMs();
    const members = this.#endBatch();
    onRan();
    members.forEach(({ item, decodeMs }, i) => {
      const queueMs = Math.max(0, endedAtMs - runMs - decodeMs - item.queuedAtMs);
      const row = rows[i] as Row | RowFailure;
      if ('failure' in row) item.settle({ ok: false, error: modelFailed(row.failure) });
      else item.settle({ ok: true, result: { row, queueMs, decodeMs, runMs, batchSize } });
    });
  }

  /** The engine is idle again: its next batch goes first, then the members are answered. */
  #endBatch(error?: HeadgateError): readonly Member[] {
    const running = this.#running;
    const members = running?.batch.members ?? [];
    this.#running = undefined;
    running?.ended(error);
    this.#release();
    if (!this.#running && !this.#closed) this.#options.onRoom();
    this.#noteDrained();
    if (error) for (const { item } of members) item.settle({ ok: false, error });
    return members;
  }
}

/** The error of items that could not be answered before their deadline. */
export function tooLate(): HeadgateError {
  return new HeadgateError('deadline_exceeded', 'The deadline passed before the model had run.');
}

function modelFailed(cause: string): HeadgateError {
  return new HeadgateError('internal', 'The model failed on this input.', { cause });
}
