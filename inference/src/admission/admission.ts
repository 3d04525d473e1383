import type { InferenceConfig } from '@headgate/contracts/config/schema';
import { HeadgateError } from '@headgate/contracts/errors';
import type { TimerClock } from '@headgate/runtime/clock';
import type { Item, ItemOutcome } from '../item.ts';
import { AdaptiveLimit, type AdaptiveLimitOptions } from './adaptive-limit.ts';
import { Estimate } from './estimate.ts';
import { type Backlog, Forecast } from './forecast.ts';

export interface AdmissionPolicy {
  /** By which share of itself an estimate may be wrong before anything is refused for it, 0 to 1 (exclusive). */
  readonly estimateMargin: number;
  /** How long before its deadline an item must have been run, so that its answer arrives in time, in ms. */
  readonly answerReserveMs: number;
  /** An estimate that no run confirmed for this time is tested by letting one item in, in ms. */
  readonly estimateMaxAgeMs: number;
  /** Undefined: the bounds of queue and engines alone limit what is in flight. */
  readonly adaptiveLimit: AdaptiveLimitOptions | undefined;
}

/** An estimate may be a fifth too long before a call is refused for it; one that no run confirmed is tested by a call. */
const ESTIMATE = { margin: 0.2, maxAgeMs: 5000 };

/** Answers take half of their callers' time budgets on average at most; the limit changes ten times a second at most. */
const ADAPTIVE_LIMIT = { targetShare: 0.5, windowMs: 100 };

export function admissionPolicyOf({ admission }: Pick<InferenceConfig, 'admission'>): AdmissionPolicy {
  return {
    estimateMargin: ESTIMATE.margin,
    answerReserveMs: admission.answer_reserve_ms,
    estimateMaxAgeMs: ESTIMATE.maxAgeMs,
    adaptiveLimit: admission.adaptive_limit.enabled ? ADAPTIVE_LIMIT : undefined,
  };
}

export interface AdmissionOptions {
  readonly policy: AdmissionPolicy;
  readonly maxBatchSize: number;
  readonly maxQueueSize: number;
  readonly clock: TimerClock;
}

/** Items of one call that ask to come in. */
export interface Ask {
  /** At least 1. */
  readonly count: number;
  /** Of decoding all of them. */
  readonly work: number;
  /** Until their deadline, in ms. */
  readonly remainingMs: number;
}

/** What an engine holds at most, in batches: one that runs and one that gathers. */
const BATCHES_PER_ENGINE = 2;

/** Bounds of the advice when to try again, in ms. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 10_000;

/**
 * Decides which items may come in. It refuses what finds no room, and what surely cannot finish in time, before
 * anything is done for it; a doubtful item gets its chance, and expires in the queue when it has no luck.
 *
 * A wrong estimate must not refuse for ever: while no item is let in, no run corrects it. So one
 * ask passes whenever no run has confirmed the estimate for `estimateMaxAgeMs`.
 */
export class Admission {
  readonly estimate: Estimate;
  readonly #options: AdmissionOptions;
  readonly #forecast: Forecast;
  readonly #limit: AdaptiveLimit | undefined;
  #engines = 0;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: AdmissionOptions) {
    const { policy, maxBatchSize } = options;
    this.#options = options;
    const { estimateMargin: margin, answerReserveMs } = policy;
    this.estimate = new Estimate({ maxBatchSize, margin, answerReserveMs });
    this.#forecast = new Forecast(this.estimate, maxBatchSize);
    this.#limit = policy.adaptiveLimit && new AdaptiveLimit(policy.adaptiveLimit);
  }

  /** Items that may be in flight now. */
  get limit(): number {
    return this.#limit?.current ?? this.#held + this.#options.maxQueueSize;
  }

  /** Engines came or went. */
  resize(engines: number): void {
    this.#engines = engines;
    this.#limit?.resize({ min: this.#held, max: this.#held + this.#options.maxQueueSize });
  }

  /** A run has ended, or an engine has warmed up: the estimate is fresh. */
  confirm(): void {
    this.#confirmedAtMs = this.#options.clock.monotonicMs();
  }

  /** @param room items that fit into queue and engines */
  hasRoom(count: number, { room, inFlight }: { readonly room: number; readonly inFlight: number }): boolean {
    return count <= room && inFlight + count <= this.limit;
  }

  /** The error for items without room. */
  full(inFlight: number): HeadgateError {
    const detail = 'This model version has all the work that it can hold; please try again later.';
    return overloaded(detail, this.#forecast.clearMs(inFlight, this.#engines));
  }

  /** @throws HeadgateError deadline_exceeded: not even alone; overloaded: not after those who wait already */
  requireTime({ count, work, remainingMs }: Ask, backlog: Backlog): void {
    const finishMs = this.#forecast.finishMs(backlog, count, work);
    if (finishMs <= remainingMs || this.#mayPutToTheTest()) return;
    const aloneMs = this.#forecast.aloneMs(work, backlog.decodeThreads);
    if (aloneMs > remainingMs) {
      const detail = `The deadline is too short: this model takes at least ${Math.ceil(aloneMs)} ms.`;
      throw new HeadgateError('deadline_exceeded', detail);
    }
    const detail = 'What waits already takes longer than the deadline allows; please try again later.';
    throw overloaded(detail, finishMs - remainingMs);
  }

  /** An item was settled: the limit learns what share of its budget it took. */
  settled({ queuedAtMs, deadlineAtMs }: Item, outcome: ItemOutcome): void {
    const nowMs = this.#options.clock.monotonicMs();
    const times = { queuedAtMs, nowMs };
    const share = (nowMs - queuedAtMs) / Math.max(1, deadlineAtMs - queuedAtMs);
    if (outcome.ok) this.#limit?.observe(share, times);
    else if (outcome.error.reason === 'deadline_exceeded') this.#limit?.observe(1, times);
    else if (outcome.error.reason === 'cancelled') this.#limit?.observeAtLeast(share, times);
  }

  /** Items that the engines hold at most. */
  get #held(): number {
    return this.#engines * BATCHES_PER_ENGINE * this.#options.maxBatchSize;
  }

  #mayPutToTheTest(): boolean {
    const { clock, policy } = this.#options;
    if (clock.monotonicMs() - this.#confirmedAtMs < policy.estimateMaxAgeMs) return false;
    this.confirm();
    return true;
  }
}

/** @param retryAfterMs bounded here to what is useful advice */
function overloaded(detail: string, retryAfterMs: number): HeadgateError {
  const boundedMs = Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, retryAfterMs));
  return new HeadgateError('overloaded', detail, { retryAfterMs: boundedMs });
}
