import type { Reason } from '@headgate/contracts/errors';
import { exponentialBuckets } from 'prom-client';
import type { Batch, ReleaseReason } from '../batch.ts';
import { type CacheOutcome, didRun, type ItemResult } from '../item.ts';
import type { LoadErrorKind } from '../load-error.ts';

export type Outcome = 'ok' | Reason;

/** How often something happened, and how long it took altogether. */
export class Total {
  count = 0;
  ms = 0;

  add(ms: number): void {
    this.count += 1;
    this.ms += ms;
  }

  toMessage(): { count: number; ns: number } {
    return { count: this.count, ns: Math.round(this.ms * 1e6) };
  }
}

export function sum(a: Total, b: Total): Total {
  const both = new Total();
  both.count = a.count + b.count;
  both.ms = a.ms + b.ms;
  return both;
}

/** How values spread over buckets: what a Prometheus histogram shows. */
export class Spread {
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[];
  /** By bucket; values beyond the last bound come last. */
  readonly counts: Float64Array;
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  add(value: number): void {
    let bucket = 0;
    while (value > (this.bounds[bucket] as number)) bucket += 1;
    (this.counts[bucket] as number) += 1;
    this.count += 1;
    this.sum += value;
  }
}

/** 0.5 ms to 16 s, doubling: the same relative error over the whole range. */
const SECONDS = exponentialBuckets(0.0005, 2, 16);
/** 1 to 64 items, doubling, as batches are warmed. */
const SIZES = exponentialBuckets(1, 2, 7);

/**
 * Everything that is counted about one model version. Plain numbers, added to in one place per event: Triton's
 * statistics call and the Prometheus metrics, `nv_*` ones included, are all read from here when somebody asks.
 */
export class VersionCounters {
  /** Wall clock, in ms since the epoch; 0 before the first call. */
  lastInferenceMs = 0;
  /** Items of successful calls that were run, not answered by a cache. */
  inferences = 0;
  executions = 0;
  /** ModelInfer calls by how they ended. */
  readonly outcomes = new Map<Outcome, number>();
  /** Session runs by why their batch was released. */
  readonly releases = new Map<ReleaseReason, number>();
  /** Attempts to load it that failed, by what stood in the way. */
  readonly loadFailures = new Map<LoadErrorKind, number>();
  readonly success = new Total();
  readonly fail = new Total();
  readonly queue = new Total();
  readonly decode = new Total();
  readonly run = new Total();
  readonly respond = new Total();
  /** Batch size → runs. */
  readonly batches = new Map<number, Total>();
  readonly batchSizes = new Spread(SIZES);
  /** Calls that succeeded, in seconds. */
  readonly durations = new Spread(SECONDS);
  /** Items in each stage, in seconds; `respond` once per call. */
  readonly stages = {
    queue: new Spread(SECONDS),
    decode: new Spread(SECONDS),
    run: new Spread(SECONDS),
    respond: new Spread(SECONDS),
  };
  /** Items of successful calls where a cache is on, with the time to look them up. */
  readonly cache: Readonly<Record<CacheOutcome, Total>> = {
    hit: new Total(),
    miss: new Total(),
    shared: new Total(),
  };

  callEnded(outcome: Outcome, durationMs: number): void {
    this.lastInferenceMs = Date.now();
    increment(this.outcomes, outcome);
    (outcome === 'ok' ? this.success : this.fail).add(durationMs);
    if (outcome === 'ok') this.durations.add(durationMs / 1000);
  }

  /** A call succeeded; its stages take as long as its slowest item. @param respondMs time to word the response */
  answered(results: readonly ItemResult[], respondMs: number): void {
    this.respond.add(respondMs);
    this.stages.respond.add(respondMs / 1000);
    let ran = 0;
    const slowest = { queueMs: 0, decodeMs: 0, runMs: 0 };
    for (const result of results) {
      const { queueMs, decodeMs, runMs, cache } = result;
      if (cache) this.cache[cache.outcome].add(cache.lookupMs);
      if (!didRun(result)) continue;
      ran += 1;
      this.stages.queue.add(queueMs / 1000);
      this.stages.decode.add(decodeMs / 1000);
      this.stages.run.add(runMs / 1000);
      slowest.queueMs = Math.max(slowest.queueMs, queueMs);
      slowest.decodeMs = Math.max(slowest.decodeMs, decodeMs);
      slowest.runMs = Math.max(slowest.runMs, runMs);
    }
    if (ran === 0) return;
    this.inferences += ran;
    this.queue.add(slowest.queueMs);
    this.decode.add(slowest.decodeMs);
    this.run.add(slowest.runMs);
  }

  loadFailed(kind: LoadErrorKind): void {
    increment(this.loadFailures, kind);
  }

  batchStarted({ members, reason }: Batch): void {
    increment(this.releases, reason);
    this.batchSizes.add(members.length);
  }

  batchRan({ members }: Batch, ms: number): void {
    this.executions += 1;
    const runs = this.batches.get(members.length) ?? new Total();
    runs.add(ms);
    this.batches.set(members.length, runs);
  }
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
