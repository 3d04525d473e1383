import type { Reason } from '@headgate/contracts/errors';
import type { ReleaseReason } from '../batch.ts';
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

/**
 * Everything that is counted about one model version. Plain numbers, added to in one place per event: Triton's
 * statistics call and the Prometheus counters, `nv_*` ones included, are all read from here when somebody asks.
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
  }

  /** A call succeeded; its stages take as long as its slowest item. @param respondMs time to word the response */
  answered(results: readonly ItemResult[], respondMs: number): void {
    this.respond.add(respondMs);
    for (const { cache } of results) if (cache) this.cache[cache.outcome].add(cache.lookupMs);
    const ran = results.filter(didRun);
    if (ran.length === 0) return;
    this.inferences += ran.length;
    this.queue.add(slowest(ran, 'queueMs'));
    this.decode.add(slowest(ran, 'decodeMs'));
    this.run.add(slowest(ran, 'runMs'));
  }

  loadFailed(kind: LoadErrorKind): void {
    increment(this.loadFailures, kind);
  }

  released(reason: ReleaseReason): void {
    increment(this.releases, reason);
  }

  ran(batchSize: number, ms: number): void {
    this.executions += 1;
    const runs = this.batches.get(batchSize) ?? new Total();
    runs.add(ms);
    this.batches.set(batchSize, runs);
  }
}

function slowest(results: readonly ItemResult[], stage: 'queueMs' | 'decodeMs' | 'runMs'): number {
  let most = 0;
  for (const result of results) most = Math.max(most, result[stage]);
  return most;
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
