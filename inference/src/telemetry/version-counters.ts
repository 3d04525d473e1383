import type { Reason } from '@headgate/contracts/errors';
import type { ReleaseReason } from '../batch.ts';
import type { ItemResult } from '../item.ts';

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

/**
 * Everything that is counted about one model version. Plain numbers, added to in one place per event: Triton's
 * statistics call and the Prometheus counters, `nv_*` ones included, are all read from here when somebody asks.
 */
export class VersionCounters {
  /** Wall clock, in ms since the epoch; 0 before the first call. */
  lastInferenceMs = 0;
  /** Items of successful calls. */
  inferences = 0;
  executions = 0;
  /** ModelInfer calls by how they ended. */
  readonly outcomes = new Map<Outcome, number>();
  /** Session runs by why their batch was released. */
  readonly releases = new Map<ReleaseReason, number>();
  readonly success = new Total();
  readonly fail = new Total();
  readonly queue = new Total();
  readonly decode = new Total();
  readonly run = new Total();
  readonly respond = new Total();
  /** Batch size → runs. */
  readonly batches = new Map<number, Total>();

  callEnded(outcome: Outcome, durationMs: number): void {
    this.lastInferenceMs = Date.now();
    increment(this.outcomes, outcome);
    (outcome === 'ok' ? this.success : this.fail).add(durationMs);
  }

  /** A call succeeded; its stages take as long as its slowest item. @param respondMs time to word the response */
  answered(results: readonly ItemResult[], respondMs: number): void {
    this.inferences += results.length;
    this.queue.add(slowest(results, 'queueMs'));
    this.decode.add(slowest(results, 'decodeMs'));
    this.run.add(slowest(results, 'runMs'));
    this.respond.add(respondMs);
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
