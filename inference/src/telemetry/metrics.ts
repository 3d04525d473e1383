import { METRIC } from '@headgate/contracts/names';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { exposeCaches } from './cache-metrics.ts';
import { collectedCounter, collectedHistogram, perVersion } from './collected.ts';
import { exposeState, type StateSource } from './state-metrics.ts';
import type { Served, Statistics } from './statistics.ts';
import { exposeTritonNames } from './triton-metrics.ts';

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
 * (decision 0010), so that no caller can mint series. What happens per request is counted in the statistics, and read
 * at each scrape.
 */
export class Metrics {
  readonly registry: Registry;
  readonly #source: MetricsSource;
  readonly #reloads: Counter<'outcome'>;
  readonly #stale: Gauge;

  /** @param registry may hold metrics of others already */
  constructor(source: MetricsSource, registry = new Registry()) {
    this.registry = registry;
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
      help: '1 while the source has no usable routing table and the last good one is in use.',
      registers,
    });
    exposeStatistics(registry, statistics);
    exposeState(registry, served);
    exposeCaches(registry, served, statistics);
    exposeTritonNames(registry, served, statistics);
  }

  /** How old the routing table may be is read when metrics are scraped. */
  exposeRouting({ ageMs }: { ageMs(): number }): void {
    new Gauge({
      name: METRIC.routingSourceAge,
      help: 'Time since the source of the routing table last answered; 0 for a file.',
      registers: [this.registry],
      collect() {
        this.set(ageMs() / 1000);
      },
    });
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

/** Counters and histograms that the statistics keep. */
function exposeStatistics(registry: Registry, statistics: Statistics): void {
  const counter = perVersion(registry, collectedCounter, () => statistics.entries());
  const histogram = perVersion(registry, collectedHistogram, () => statistics.entries());
  counter.by(
    'outcome',
    METRIC.inferRequests,
    'ModelInfer calls by outcome: ok, or the reason of the failure.',
    ({ counters }) => counters.outcomes,
  );
  counter.by(
    'release',
    METRIC.batches,
    'Session runs by why the batch was released: full, idle, delay or deadline.',
    ({ counters }) => counters.releases,
  );
  counter.by(
    'reason',
    METRIC.modelLoadFailures,
    'Attempts to load a model version that failed, by what stood in the way.',
    ({ counters }) => counters.loadFailures,
  );
  histogram.each(
    METRIC.inferDuration,
    'Time of a ModelInfer call that succeeded, from its arrival to its response.',
    ({ counters }) => counters.durations,
  );
  histogram.each(METRIC.batchSize, 'Items per session run.', ({ counters }) => counters.batchSizes);
  histogram.by(
    'stage',
    METRIC.stageDuration,
    'Time of an item in each stage: queue, decode, run; and respond once per call.',
    ({ counters }) => Object.entries(counters.stages),
  );
  collectedHistogram(registry, {
    name: METRIC.refusalDuration,
    help: 'Time until a ModelInfer call was refused or given up, by reason.',
    labels: ['reason'],
    collect: (sample) => {
      for (const [reason, spread] of statistics.refusals) sample({ reason }, spread);
    },
  });
}
