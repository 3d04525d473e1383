import type { ModelStatistics } from '@headgate/contracts/gen/grpc/inference/ModelStatistics';
import { OTHER } from '@headgate/contracts/names';
import type { Clock } from '../clock.ts';
import type { DispatchObserver } from '../dispatch.ts';
import type { ItemResult } from '../item.ts';
import type { LoadErrorKind } from '../load-error.ts';
import type { Deployment } from '../models/deployment.ts';
import { type Outcome, sum, VersionCounters } from './version-counters.ts';

/** One ModelInfer call that ended. */
export interface EndedCall {
  readonly model: string;
  /** '' when the caller named none. */
  readonly version: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
}

/** Where versions are looked up: only names that are served get counters, so that no caller can mint any. */
export interface StatisticsSource {
  get(model: string, version: string): VersionName | undefined;
  all(): readonly (VersionName & Pick<Deployment, 'engines'>)[];
  retiring(): readonly VersionName[];
}

/** Bounded: a served model and version, or `other` for what callers made up. */
export interface VersionName {
  readonly model: string;
  readonly version: string;
}

/** The counters of one version, and since when it is out of service. */
interface Entry extends VersionName {
  readonly counters: VersionCounters;
  goneSinceMs: number | undefined;
}

/**
 * Counters of a version that is gone stay so long, in ms: Prometheus looks back five minutes, so that even a slow
 * scrape sees their last values.
 */
const KEEP_MS = 300_000;

/** Cumulative counters of each served version since this process started. */
export class Statistics {
  readonly #source: StatisticsSource;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(source: StatisticsSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** @returns the names under which the call was counted */
  callEnded({ model, version, outcome, durationMs }: EndedCall): VersionName {
    const entry = this.#entry(this.#bounded(model, version));
    entry.counters.callEnded(outcome, durationMs);
    return entry;
  }

  /** A call succeeded. @param respondMs time to word the response */
  answered(model: string, version: string, results: readonly ItemResult[], respondMs: number): void {
    this.#entry({ model, version }).counters.answered(results, respondMs);
  }

  /** A version of the routing table or of the repository could not be loaded. */
  loadFailed(model: string, version: string, kind: LoadErrorKind): void {
    this.#entry({ model, version }).counters.loadFailed(kind);
  }

  /** The observer that it gets, and counts the runs besides. */
  countingRuns(model: string, version: string, inner: DispatchObserver): DispatchObserver {
    return {
      ...inner,
      batchStarted: (batch) => {
        const ended = inner.batchStarted(batch);
        const startedMs = this.#clock.now();
        this.#entry({ model, version }).counters.released(batch.reason);
        return (error) => {
          const ms = this.#clock.now() - startedMs;
          if (!error) this.#entry({ model, version }).counters.ran(batch.members.length, ms);
          ended(error);
        };
      },
    };
  }

  /** @param model '' for all; @param version '' for all of the model */
  read(model: string, version: string): ModelStatistics[] {
    return this.#source
      .all()
      .filter((one) => (model === '' || one.model === model) && (version === '' || one.version === version))
      .map((one) => toMessage(one, this.#entry(one).counters));
  }

  /** Every version that is counted, what callers made up under `other`; those that are long gone are forgotten. */
  entries(): readonly Readonly<Entry>[] {
    return [...this.#entries.values()];
  }

  /**
   * Forgets versions that have been out of service for five minutes, so that a year of new versions holds no more
   * than those of today.
   *
   * @returns what was forgotten
   */
  sweep(): VersionName[] {
    const served = [...this.#source.all(), ...this.#source.retiring()];
    const keys = new Set(
      served.flatMap(({ model, version }) => [keyOf(model, version), keyOf(model, OTHER)]),
    );
    const forgotten: VersionName[] = [];
    for (const [key, entry] of this.#entries) {
      if (entry.model === OTHER || keys.has(key)) {
        entry.goneSinceMs = undefined;
        continue;
      }
      entry.goneSinceMs ??= this.#clock.now();
      if (this.#clock.now() - entry.goneSinceMs < KEEP_MS) continue;
      this.#entries.delete(key);
      forgotten.push(entry);
    }
    return forgotten;
  }

  #bounded(model: string, version: string): VersionName {
    const served = this.#source.get(model, version);
    if (served) return served;
    const known = this.#source.all().some((one) => one.model === model);
    return { model: known ? model : OTHER, version: OTHER };
  }

  #entry({ model, version }: VersionName): Entry {
    const key = keyOf(model, version);
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { model, version, counters: new VersionCounters(), goneSinceMs: undefined };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}

function keyOf(model: string, version: string): string {
  return `${model}/${version}`;
}

function toMessage(
  { model, version, engines }: VersionName & Pick<Deployment, 'engines'>,
  counters: VersionCounters,
): ModelStatistics {
  const resident = engines.reduce((sum, engine) => sum + engine.residentBytes(), 0);
  return {
    name: model,
    version,
    last_inference: counters.lastInferenceMs,
    inference_count: counters.inferences,
    execution_count: counters.executions,
    inference_stats: {
      success: counters.success.toMessage(),
      fail: counters.fail.toMessage(),
      queue: counters.queue.toMessage(),
      compute_input: counters.decode.toMessage(),
      compute_infer: counters.run.toMessage(),
      compute_output: counters.respond.toMessage(),
      cache_hit: sum(counters.cache.hit, counters.cache.shared).toMessage(),
      cache_miss: counters.cache.miss.toMessage(),
    },
    batch_stats: [...counters.batches]
      .sort(([a], [b]) => a - b)
      .map(([size, runs]) => ({ batch_size: size, compute_infer: runs.toMessage() })),
    memory_usage: [{ type: 'CPU', id: 0, byte_size: resident }],
  };
}
