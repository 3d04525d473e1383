import type { ModelStatistics } from '@headgate/contracts/gen/grpc/inference/ModelStatistics';
import { OTHER } from '@headgate/contracts/names';
import type { TimerClock } from '@headgate/runtime/clock';
import { exponentialBuckets } from 'prom-client';
import type { Deployment } from '../models/deployment.ts';
import { type Outcome, Spread, sum, VersionCounters } from './version-counters.ts';

/** Bounded: a served model and version, or `other` for what callers made up. */
export interface VersionName {
  readonly model: string;
  readonly version: string;
}

/** What is served: versions that are not any more are forgotten after a while. */
export interface Served {
  all(): readonly (VersionName & Pick<Deployment, 'engines'>)[];
  retiring(): readonly VersionName[];
}

/** The counters of one version, and since when it is out of service. */
interface Entry extends VersionName {
  readonly counters: VersionCounters;
  goneSinceMs: number | undefined;
}

/**
 * Counters of a version that is out of service stay for this time, in ms: Prometheus looks back five minutes, so a slow
 * scrape still sees their last values.
 */
const KEEP_MS = 300_000;

/** 0.1 ms to 1.6 s, doubling: a refusal should be quick. */
const REFUSAL_SECONDS = exponentialBuckets(0.0001, 2, 15);
/** Failures that cost the caller time and give nothing, whose time is watched. */
const REFUSALS: readonly Outcome[] = ['overloaded', 'unavailable', 'deadline_exceeded'];

/** Cumulative counters of each served version since this process started. */
export class Statistics {
  readonly #clock: TimerClock;
  readonly #entries = new Map<string, Entry>();
  /** Time until a call was refused or given up, by reason; in seconds. */
  readonly refusals: ReadonlyMap<Outcome, Spread> = new Map(
    REFUSALS.map((reason) => [reason, new Spread(REFUSAL_SECONDS)]),
  );

  constructor(clock: TimerClock) {
    this.#clock = clock;
  }

  /** The counters of a version, made when it is first named: only served names may come here. */
  of(model: string, version: string): VersionCounters {
    const key = keyOf(model, version);
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { model, version, counters: new VersionCounters(), goneSinceMs: undefined };
      this.#entries.set(key, entry);
    }
    return entry.counters;
  }

  callEnded(counters: VersionCounters, outcome: Outcome, durationMs: number): void {
    counters.callEnded(outcome, durationMs);
    this.refusals.get(outcome)?.add(durationMs / 1000);
  }

  /** @param model '' for all; @param version '' for all of the model */
  read(served: Served, model: string, version: string): ModelStatistics[] {
    return served
      .all()
      .filter((one) => (model === '' || one.model === model) && (version === '' || one.version === version))
      .map((one) => toMessage(one, this.of(one.model, one.version)));
  }

  /** Every version that is counted, what callers made up under `other`; those that are long gone are forgotten. */
  entries(): readonly Readonly<Entry>[] {
    return [...this.#entries.values()];
  }

  /** The counters of these versions, as far as something was counted. */
  entriesOf(versions: readonly VersionName[]): readonly Readonly<Entry>[] {
    return versions.flatMap(({ model, version }) => this.#entries.get(keyOf(model, version)) ?? []);
  }

  /** Forgets versions that have been out of service for five minutes: a year of new versions must not add up. */
  sweep(served: Served): void {
    const keys = new Set(
      [...served.all(), ...served.retiring()].flatMap(({ model, version }) => [
        keyOf(model, version),
        keyOf(model, OTHER),
      ]),
    );
    for (const [key, entry] of this.#entries) {
      if (entry.model === OTHER || keys.has(key)) {
        entry.goneSinceMs = undefined;
        continue;
      }
      entry.goneSinceMs ??= this.#clock.monotonicMs();
      if (this.#clock.monotonicMs() - entry.goneSinceMs >= KEEP_MS) this.#entries.delete(key);
    }
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
