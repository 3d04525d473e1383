import { METRIC } from '@headgate/contracts/names';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { exposeCaches } from './cache-metrics.ts';
import { collectedCounter, collectedHistogram } from './collected.ts';
import { exposeLoading } from './model-metrics.ts';
import { exposeState, type StateSource } from './state-metrics.ts';
import type { Served, Statistics } from './statistics.ts';
import { exposeTritonNames } from './triton-metrics.ts';
import type { Spread, VersionCounters } from './version-counters.ts';

const VERSION = ['model', 'version'] as const;

/**
 * The event loop is looked at this often, in ms. The default of 10 alone costs an idle process a percent of a core.
 * The lag that prom-client shows contains this interval.
 */
const LAG_INTERVAL_MS = 200;

/** Where the figures are read. */
export interface MetricsSource {
  readonly statistics: Statistics;
  readonly served: StateSource & Served;
}

/**
 * Prometheus metrics of this process. Label values come only from the routing table and from closed sets
 * (decision 0010), so that no caller can mint series. What happens per request is counted in the statistics; it is
 * read when somebody asks.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #source: MetricsSource;
  readonly #reloads: Counter<'outcome'>;
  readonly #stale: Gauge;

  constructor(source: MetricsSource) {
    const { registry } = this;
    const { statistics, served } = source;
    const registers = [registry];
    this.#source = source;
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_INTERVAL_MS });
    this.#reloads = new Counter({
      name: METRIC.routingReloads,
      help: 'New versions of the routing table by outcome: accepted or refused.',
      labelNames: ['outcome'],
      registers,
    });
    this.#stale = new Gauge({
      name: METRIC.routingStale,
      help: '1 while the routing table on disk is refused and the last good one is in use.',
      registers,
    });
    exposeCounts(registry, statistics);
    exposeTimes(registry, statistics);
    exposeState(registry, served);
    exposeCaches(registry, served, statistics);
    exposeLoading(registry, served, statistics);
    exposeTritonNames(registry, served, statistics);
  }

  /** The page for Prometheus. */
  async page(): Promise<string> {
    const { statistics, served } = this.#source;
    statistics.sweep(served);
    return this.registry.metrics();
  }

  /** A new version of the routing table was taken, or refused while the last good one stays. */
  routingReloaded(outcome: 'accepted' | 'refused'): void {
    this.#reloads.inc({ outcome });
    this.#stale.set(outcome === 'refused' ? 1 : 0);
  }
}

/** Counters that the statistics keep. */
function exposeCounts(registry: Registry, statistics: Statistics): void {
  collectedCounter(registry, {
    name: METRIC.inferRequests,
    help: 'ModelInfer calls by outcome: ok, or the reason of the failure.',
    labels: [...VERSION, 'outcome'],
    collect: (sample) => {
      for (const { model, version, counters } of statistics.entries()) {
        for (const [outcome, count] of counters.outcomes) sample({ model, version, outcome }, count);
      }
    },
  });
  collectedCounter(registry, {
    name: METRIC.batches,
    help: 'Session runs by why the batch was released: full, idle, delay or deadline.',
    labels: [...VERSION, 'release'],
    collect: (sample) => {
      for (const { model, version, counters } of statistics.entries()) {
        for (const [release, count] of counters.releases) sample({ model, version, release }, count);
      }
    },
  });
}

/** Histograms that the statistics keep. */
function exposeTimes(registry: Registry, statistics: Statistics): void {
  const ofVersions = (name: string, help: string, read: (counters: VersionCounters) => Spread) =>
    collectedHistogram(registry, {
      name,
      help,
      labels: VERSION,
      collect: (sample) => {
        for (const { model, version, counters } of statistics.entries()) {
          sample({ model, version }, read(counters));
        }
      },
    });
  const duration = 'Time of a ModelInfer call that succeeded, from its arrival to its response.';
  ofVersions(METRIC.inferDuration, duration, ({ durations }) => durations);
  ofVersions(METRIC.batchSize, 'Items per session run.', ({ batchSizes }) => batchSizes);
  collectedHistogram(registry, {
    name: METRIC.stageDuration,
    help: 'Time of an item in each stage: queue, decode, run; and respond once per call.',
    labels: [...VERSION, 'stage'],
    collect: (sample) => {
      for (const { model, version, counters } of statistics.entries()) {
        for (const [stage, spread] of Object.entries(counters.stages))
          sample({ model, version, stage }, spread);
      }
    },
  });
  collectedHistogram(registry, {
    name: METRIC.refusalDuration,
    help: 'Time until a ModelInfer call was refused or given up, by reason.',
    labels: ['reason'],
    collect: (sample) => {
      for (const [reason, spread] of statistics.refusals) sample({ reason }, spread);
    },
  });
}
