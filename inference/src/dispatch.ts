import { HeadgateError } from '@headgate/contracts/errors';
import type { SpanContext } from '@opentelemetry/api';
import { type Batch, type BatchPolicy, Gathering } from './batch.ts';
import type { Clock } from './clock.ts';
import type { EngineListener } from './engine/process.ts';
import type { Payload, Row, RowFailure } from './engine/protocol.ts';
import { unavailable } from './errors.ts';
import type { Item, ItemOutcome, ItemResult } from './item.ts';
import { ItemQueue } from './queue.ts';

/** The part of an engine that the dispatcher drives. */
export interface EnginePort {
  listen(listener: EngineListener): void;
  prepare(id: number, payload: Payload): void;
  discard(id: number): void;
  run(ids: readonly number[]): void;
}

export interface DispatchOptions {
  readonly policy: BatchPolicy;
  /** Items that may wait in the queue, apart from the batch that each engine gathers. */
  readonly maxQueueSize: number;
  readonly clock: Clock;
  readonly observer: DispatchObserver;
}

/** What the dispatcher tells metrics and traces. */
export interface DispatchObserver {
  /** A batch starts to run. The function that comes back is called when it has run, with the error if it failed. */
  batchStarted(batch: Batch): (error?: HeadgateError) => void;
}

export interface Work {
  /** Not copied; must not change before the result. */
  readonly payload: Payload;
  /** Monotonic, in ms. */
  readonly deadlineAtMs: number;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
  readonly span: SpanContext | undefined;
}

/** One engine: the batch that it runs, and the next one as it gathers. */
interface Lane {
  readonly engine: EnginePort;
  readonly gathering: Gathering;
  running: Batch | undefined;
  batchEnded: ((error?: HeadgateError) => void) | undefined;
  /** Cancels the timer of a granted batch delay. */
  cancelWait: (() => void) | undefined;
}

/** Weight of the newest batch in the running mean of the time per item. */
const SMOOTHING = 0.2;
/** Bounds of the advice when to try again, in ms. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 10_000;
/** An engine that crashed is usually back after about this time, in ms. */
const RESTART_MS = 1_000;

/**
 * Brings items to the engines of one model version: queue → gathering batch → run. It holds these promises:
 *
 * - every accepted item is settled exactly once: result, failure, deadline, or cancellation;
 * - an item leaves its place at once when its caller goes away or its deadline passes, and is never run afterwards;
 * - an idle engine never waits (unless the policy grants a delay), and while it runs, its next batch decodes;
 * - no queue, gathering or batch exceeds its bound, counted in items.
 */
export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #queue: ItemQueue;
  readonly #lanes = new Map<EnginePort, Lane>();
  readonly #unsettled = new Set<number>();
  #whenEmpty: (() => void) | undefined;
  #lastId = 0;
  #msPerItem = RETRY_MIN_MS;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#queue = new ItemQueue(options.maxQueueSize);
  }

  /** Items that no engine has yet. */
  get queued(): number {
    return this.#queue.size;
  }

  /** Accepted items that are not settled. */
  get inFlight(): number {
    return this.#unsettled.size;
  }

  /**
   * Whether `count` more items are welcome now.
   *
   * @throws HeadgateError unavailable without an engine, overloaded without room in the queue
   */
  admit(count: number): void {
    if (this.#lanes.size === 0) {
      throw unavailable('No engine of this model version is ready right now; please try again.', RESTART_MS);
    }
    if (count > this.#queue.room) {
      throw new HeadgateError(
        'overloaded',
        'The queue of this model version is full; please try again later.',
        {
          retryAfterMs: this.#backlogMs(),
        },
      );
    }
  }

  /**
   * Accepts one item.
   *
   * @throws HeadgateError at once: what `admit` says. Later: undecodable_image and the like for this item alone,
   * deadline_exceeded, cancelled, unavailable when its engine ended, internal
   */
  async submit(work: Work): Promise<ItemResult> {
    this.admit(1);
    if (work.signal.aborted) throw cancelled();
    const { clock } = this.#options;
    const answer = Promise.withResolvers<ItemResult>();
    const id = ++this.#lastId;
    const abort = () => this.#leave(item, cancelled());
    const cancelTimer = clock.after(Math.max(0, work.deadlineAtMs - clock.now()), () =>
      this.#leave(
        item,
        new HeadgateError('deadline_exceeded', 'The deadline passed before the model had run.'),
      ),
    );
    const settle = (outcome: ItemOutcome) => {
      if (!this.#unsettled.delete(id)) return;
      cancelTimer();
      work.signal.removeEventListener('abort', abort);
      if (outcome.ok) answer.resolve(outcome.result);
      else answer.reject(outcome.error);
      if (this.#unsettled.size === 0) this.#whenEmpty?.();
    };
    const { payload, deadlineAtMs, span } = work;
    const item: Item = { id, payload, queuedAtMs: clock.now(), deadlineAtMs, span, settle };
    this.#unsettled.add(id);
    work.signal.addEventListener('abort', abort);
    this.#queue.push(item);
    this.#handAhead();
    return answer.promise;
  }

  /** Takes an engine into service. */
  attach(engine: EnginePort): void {
    const lane: Lane = {
      engine,
      gathering: new Gathering(this.#options.policy),
      running: undefined,
      batchEnded: undefined,
      cancelWait: undefined,
    };
    this.#lanes.set(engine, lane);
    engine.listen({
      decoded: (id, decodeMs) => {
        if (lane.gathering.markDecoded(id, decodeMs)) this.#release(lane);
      },
      failed: (id, error) => {
        lane.gathering.remove(id)?.settle({ ok: false, error });
        this.#handAhead();
      },
      ran: (rows, runMs) => this.#ran(lane, rows, runMs),
      runFailed: (error) => this.#endBatch(lane, error),
    });
    this.#handAhead();
  }

  /**
   * Takes an engine out of service: what it had fails as retryable. Without any engine left, what is queued fails
   * as well, since nobody knows when the next one comes.
   */
  detach(engine: EnginePort, reason: string): void {
    const lane = this.#lanes.get(engine);
    if (!lane) return;
    this.#lanes.delete(engine);
    lane.cancelWait?.();
    const error = unavailable(
      'The engine ended while it had this item; please try again.',
      RESTART_MS,
      reason,
    );
    for (const item of lane.gathering.clear()) item.settle({ ok: false, error });
    this.#endBatch(lane, error);
    if (this.#lanes.size > 0) return;
    for (let item = this.#queue.shift(); item; item = this.#queue.shift()) item.settle({ ok: false, error });
  }

  /** Resolves when nothing accepted is unsettled any more. The caller sees to it that nothing new comes. */
  async drained(): Promise<void> {
    if (this.#unsettled.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  /** Gives queued items to the engines that have the fewest, as far as there is room, and starts idle ones. */
  #handAhead(): void {
    while (this.#queue.size > 0) {
      const lane = this.#leastLoaded();
      if (!lane) return;
      const item = this.#queue.shift() as Item;
      lane.gathering.add(item);
      lane.engine.prepare(item.id, item.payload);
    }
  }

  #leastLoaded(): Lane | undefined {
    const load = ({ running, gathering }: Lane) => (running?.members.length ?? 0) + gathering.size;
    let least: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (!lane.gathering.isFull && (!least || load(lane) < load(least))) least = lane;
    }
    return least;
  }

  /** Starts the next batch of an idle engine, or waits as long as the policy says. */
  #release(lane: Lane): void {
    if (lane.running) return;
    lane.cancelWait?.();
    lane.cancelWait = undefined;
    const next = lane.gathering.release(this.#options.clock.now());
    if (!next) return;
    if ('waitMs' in next) {
      lane.cancelWait = this.#options.clock.after(next.waitMs, () => this.#release(lane));
      return;
    }
    lane.running = next;
    lane.batchEnded = this.#options.observer.batchStarted(next);
    lane.engine.run(next.members.map(({ item }) => item.id));
    this.#handAhead();
  }

  #ran(lane: Lane, rows: readonly (Row | RowFailure)[], runMs: number): void {
    const batchSize = lane.running?.members.length ?? 0;
    if (rows.length !== batchSize) {
      const cause = `${rows.length} answers for a batch of ${batchSize}`;
      this.#endBatch(lane, modelFailed(cause));
      return;
    }
    this.#msPerItem += SMOOTHING * (runMs / batchSize - this.#msPerItem);
    const endedAtMs = this.#options.clock.now();
    const members = this.#endBatch(lane);
    members.forEach(({ item, decodeMs }, i) => {
      const queueMs = Math.max(0, endedAtMs - runMs - decodeMs - item.queuedAtMs);
      const row = rows[i] as Row | RowFailure;
      if ('failure' in row) item.settle({ ok: false, error: modelFailed(row.failure) });
      else item.settle({ ok: true, result: { row, queueMs, decodeMs, runMs, batchSize } });
    });
  }

  /** The engine is idle again: its next batch goes first, then the members are answered. */
  #endBatch(lane: Lane, error?: HeadgateError): Batch['members'] {
    const members = lane.running?.members ?? [];
    lane.running = undefined;
    lane.batchEnded?.(error);
    lane.batchEnded = undefined;
    if (this.#lanes.has(lane.engine)) this.#release(lane);
    if (error) for (const { item } of members) item.settle({ ok: false, error });
    return members;
  }

  /** The item's caller no longer waits: it gives up its place, wherever it is. A run that has begun goes on. */
  #leave(item: Item, error: HeadgateError): void {
    item.settle({ ok: false, error });
    if (this.#queue.remove(item.id)) return;
    for (const lane of this.#lanes.values()) {
      if (!lane.gathering.remove(item.id)) continue;
      lane.engine.discard(item.id);
      // The granted delay counts from the oldest item, which may just have left.
      if (lane.cancelWait) this.#release(lane);
      this.#handAhead();
      return;
    }
  }

  /** How long the items that wait now will take, in ms. */
  #backlogMs(): number {
    const waitMs = (this.inFlight * this.#msPerItem) / Math.max(1, this.#lanes.size);
    return Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, waitMs));
  }
}

function modelFailed(cause: string): HeadgateError {
  return new HeadgateError('internal', 'The model failed on this input.', { cause });
}

function cancelled(): HeadgateError {
  return new HeadgateError('cancelled', 'The caller cancelled the request.');
}
