import { HeadgateError } from '@headgate/contracts/errors';
import { type DecodeCost, NO_DECODE } from '@headgate/contracts/image/decode-cost';
import type { TimerClock } from '@headgate/runtime/clock';
import type { SpanContext } from '@opentelemetry/api';
import { Admission, type AdmissionPolicy, type Ask } from './admission/admission.ts';
import type { BatchPolicy } from './batch.ts';
import { AHEAD_WORK } from './decoding.ts';
import type { Payload } from './engine/protocol.ts';
import { engineEnded, RESTART_MS, unavailable } from './errors.ts';
import type { Item, ItemOutcome, ItemResult } from './item.ts';
import { type DispatchObserver, type EnginePort, Lane, tooLate } from './lane.ts';
import { Lanes } from './lanes.ts';
import { ItemQueue, type QueuePolicy } from './queue.ts';

export interface DispatchOptions {
  readonly batch: BatchPolicy;
  readonly queue: QueuePolicy;
  readonly admission: AdmissionPolicy;
  readonly clock: TimerClock;
  readonly observer: DispatchObserver;
}

export interface Work {
  /** Not copied; must not change before the result. */
  readonly payload: Payload;
  /** What decoding it takes, by its header; of tensors nothing. */
  readonly cost?: DecodeCost;
  /** Whose share of the engines it takes. */
  readonly share?: string;
  /** Sketch its image too. */
  readonly sketch?: boolean;
  /** Priority level, 1 to the number of levels. */
  readonly level: number;
  /** Monotonic, in ms. */
  readonly deadlineAtMs: number;
  /** How long it may wait for its run, in ms; Infinity: until its deadline. */
  readonly queueTimeoutMs: number;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
  readonly span: SpanContext | undefined;
}

/** Items that ask to come in, and how they would wait. */
export interface Admittance extends Ask {
  /** Priority level. */
  readonly level: number;
  readonly share: string;
  /** Copies, whose answers no caller waits for. */
  readonly background?: boolean;
}

/**
 * Brings items to the engines of one model version: queue → gathering batch → run. It holds these promises:
 *
 * - every accepted item is settled exactly once: result, failure, deadline, or cancellation;
 * - an item leaves its place at once when its caller goes away or its deadline passes, and is never run afterwards;
 * - an idle engine never waits (unless the policy grants a delay, or all that waits is heavy and one decode thread is
 *   left), not even for what another engine has gathered, and while it runs, its next batch decodes;
 * - no queue, gathering or batch exceeds its bound, counted in items;
 * - shares take turns by what their items cost, and none of them fills the queue while others come.
 */
export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #queue: ItemQueue;
  readonly #lanes: Lanes;
  readonly #admission: Admission;
  readonly #unsettled = new Set<number>();
  #whenEmpty: (() => void) | undefined;
  #lastId = 0;

  constructor(options: DispatchOptions) {
    this.#options = options;
    const { admission: policy, batch, queue, clock } = options;
    const { maxQueueSize, levels, starvationMs } = queue;
    const costOf = ({ cost }: Item) => this.#admission.estimate.itemCost(cost.work);
    this.#queue = new ItemQueue({ capacity: maxQueueSize, levels, starvationMs }, costOf);
    this.#lanes = new Lanes(batch.maxQueueDelayMs > 0);
    this.#admission = new Admission({ policy, maxBatchSize: batch.maxBatchSize, maxQueueSize, clock });
  }

  /** Items that no engine has yet. */
  get queued(): number {
    return this.#queue.size;
  }

  /** Accepted items that are not settled. */
  get inFlight(): number {
    return this.#unsettled.size;
  }

  /** Items that may be in flight right now. */
  get limit(): number {
    return this.#admission.limit;
  }

  /**
   * Whether more items are welcome now: refuses what can be refused before any work is done for it, and background
   * while anything else waits for its run.
   *
   * @throws HeadgateError unavailable without an engine; overloaded without room, or when they cannot finish in time
   * after what is here already; deadline_exceeded when they could not finish in time even alone
   */
  admit({ level, share, background = false, ...ask }: Admittance): void {
    this.#requireEngine();
    if (background && this.#waiting > 0) throw this.#full();
    if (!this.#hasRoom(ask.count) && !this.#queue.displaceable(share, ask.count)) throw this.#full();
    this.#admission.requireTime(ask, this.#lanes.backlog(this.#queue.ahead(level, share)));
  }

  /**
   * Accepts one item.
   *
   * @throws HeadgateError at once: unavailable without an engine, overloaded without room. Later: undecodable_image
   * and the like for this item alone, deadline_exceeded, cancelled, unavailable when its engine ended, internal
   */
  async submit(work: Work): Promise<ItemResult> {
    this.#requireEngine();
    if (work.signal.aborted) throw cancelled();
    if (!this.#hasRoom(1)) this.#makeRoom(work.share);
    const answer = Promise.withResolvers<ItemResult>();
    const item = this.#accept(work, answer);
    this.#queue.push(item);
    this.#handAhead();
    return answer.promise;
  }

  /** Takes an engine into service. @param warmUpMs ms of a run by batch size, as far as it measured them */
  attach(engine: EnginePort, warmUpMs: ReadonlyMap<number, number> = new Map()): void {
    const { batch: policy, clock, observer } = this.#options;
    const { estimate } = this.#admission;
    const onRoom = () => this.#handAhead();
    const onRan = () => this.#admission.confirm();
    const onDecoded = ({ cost, share }: Item, decodeMs: number) => {
      estimate.decoded(decodeMs, cost.work);
      // Up to that it may have waited for its thread.
      this.#queue.charge(share, decodeMs - cost.work - AHEAD_WORK);
    };
    this.#lanes.add(
      engine,
      new Lane({ engine, policy, clock, observer, estimate, onRoom, onDecoded, onRan }),
    );
    this.#admission.resize(this.#lanes.size);
    estimate.warmedUp(warmUpMs);
    this.#admission.confirm();
    this.#handAhead();
  }

  /**
   * Takes an engine out of service: what it had fails as retryable. Without any engine left, what is queued fails
   * as well, since the time of the next one is unknown.
   */
  detach(engine: EnginePort, reason: string): void {
    const lane = this.#lanes.delete(engine);
    if (!lane) return;
    this.#admission.resize(this.#lanes.size);
    const error = engineEnded(reason);
    lane.close(error);
    if (this.#lanes.size > 0) {
      this.#handAhead();
      return;
    }
    for (let item = this.#next(); item; item = this.#next()) item.settle({ ok: false, error });
  }

  /** Gives an engine nothing more. Resolves when it has answered what it had, or has ended. */
  async drain(engine: EnginePort): Promise<void> {
    await this.#lanes.get(engine)?.drain();
  }

  /** Resolves when every accepted item is settled. The caller must submit nothing more. */
  async drained(): Promise<void> {
    if (this.#unsettled.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  /** Items that no run has begun with. */
  get #waiting(): number {
    return this.#lanes.backlog({ count: this.#queue.size, work: 0 }).ahead;
  }

  #requireEngine(): void {
    if (this.#lanes.size > 0) return;
    throw unavailable('No engine of this model version is ready right now; please try again.', RESTART_MS);
  }

  #hasRoom(count: number): boolean {
    // What waits although engines have room waits for their decode threads.
    const lanes = this.#queue.size > 0 ? 0 : this.#lanes.room;
    const room = this.#queue.room + lanes;
    return this.#admission.hasRoom(count, { room, inFlight: this.inFlight });
  }

  /** Refuses the last item of the share that has most in the queue, for one of a share that has less. */
  #makeRoom(share = ''): void {
    const displaced = this.#queue.displaceable(share);
    if (!displaced) throw this.#full();
    this.#queue.remove(displaced);
    displaced.settle({ ok: false, error: this.#full() });
  }

  #full(): HeadgateError {
    return this.#admission.full(this.inFlight);
  }

  /** Makes the item of accepted work, and watches its deadline and its caller from now on. */
  #accept(work: Work, answer: PromiseWithResolvers<ItemResult>): Item {
    const { clock } = this.#options;
    const { payload, cost = NO_DECODE, share = '', sketch = false, level, deadlineAtMs, span } = work;
    const id = ++this.#lastId;
    const queuedAtMs = clock.monotonicMs();
    const settle = (outcome: ItemOutcome) => {
      if (!this.#unsettled.delete(id)) return;
      stopWatching();
      this.#admission.settled(item, outcome);
      if (outcome.ok) answer.resolve(outcome.result);
      else answer.reject(outcome.error);
      if (this.#unsettled.size === 0) this.#whenEmpty?.();
    };
    const item: Item = { id, payload, cost, share, sketch, level, queuedAtMs, deadlineAtMs, span, settle };
    const stopWatching = this.#watch(item, work);
    this.#unsettled.add(id);
    return item;
  }

  /**
   * Takes an item out when its queue timeout or its deadline passes, or its caller goes away. One timer at a time.
   *
   * @returns stops watching
   */
  #watch(item: Item, { queueTimeoutMs, signal }: Work): () => void {
    const { clock } = this.#options;
    const { queuedAtMs, deadlineAtMs } = item;
    const atDeadline = (nowMs: number) =>
      clock.after(Math.max(0, deadlineAtMs - nowMs), () => this.#leave(item, tooLate()));
    const onGone = () => this.#leave(item, cancelled());
    let stopped = false;
    let cancelTimer: () => void;
    if (queuedAtMs + queueTimeoutMs < deadlineAtMs) {
      cancelTimer = clock.after(queueTimeoutMs, () => {
        this.#waitedTooLong(item);
        if (!stopped) cancelTimer = atDeadline(clock.monotonicMs());
      });
    } else cancelTimer = atDeadline(queuedAtMs);
    signal.addEventListener('abort', onGone);
    return () => {
      stopped = true;
      cancelTimer();
      signal.removeEventListener('abort', onGone);
    };
  }

  #next(fits?: (item: Item) => boolean): Item | undefined {
    return this.#queue.shift(this.#options.clock.monotonicMs(), fits);
  }

  /** Gives queued items to the engines that run them soonest, as far as there is room, and leaves no engine idle. */
  #handAhead(): void {
    const fits = ({ cost }: Item) => this.#lanes.soonest(cost) !== undefined;
    while (this.#queue.size > 0 && this.#lanes.room > 0) {
      const item = this.#next(fits);
      const lane = item && this.#lanes.soonest(item.cost);
      if (!item || !lane) break;
      // Its decoding would be wasted. An idle engine has nothing better to do, and tries.
      const isHopeless =
        lane.load > 0 && this.#options.clock.monotonicMs() + lane.finishMs(item.cost) > item.deadlineAtMs;
      if (isHopeless) item.settle({ ok: false, error: tooLate() });
      else lane.take(item);
    }
    this.#lanes.relieve();
  }

  /** Removes an item whose caller no longer waits from queue or gathering. A run that has begun goes on. */
  #leave(item: Item, error: HeadgateError): void {
    item.settle({ ok: false, error });
    this.#remove(item);
  }

  /** The queue timeout of an item passed. No effect once the item is running. */
  #waitedTooLong(item: Item): void {
    if (this.#options.queue.timeoutAction === 'delay') {
      this.#queue.delay(item);
      return;
    }
    if (!this.#remove(item)) return;
    const detail = 'The request waited longer for its run than its queue timeout allows.';
    item.settle({ ok: false, error: new HeadgateError('deadline_exceeded', detail) });
  }

  /** @returns false when it waits nowhere: it runs, or has run */
  #remove(item: Item): boolean {
    if (this.#queue.remove(item)) return true;
    const removed = this.#lanes.remove(item.id);
    if (removed) this.#handAhead();
    return removed;
  }
}

function cancelled(): HeadgateError {
  return new HeadgateError('cancelled', 'The caller cancelled the request.');
}
