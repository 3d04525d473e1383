import type { HeadgateError, Reason } from '@headgate/contracts/errors';
import { METRIC } from '@headgate/contracts/names';
import { Counter, collectDefaultMetrics, exponentialBuckets, Gauge, Histogram, Registry } from 'prom-client';
import type { Batch } from '../batch.ts';
import { didRun, type ItemResult } from '../item.ts';
import { exposeCaches } from './cache-metrics.ts';
import { collectedCounter } from './collected.ts';
import { exposeLoading } from './model-metrics.ts';
import { exposeState, type StateSource } from './state-metrics.ts';
import type { EndedCall, Statistics } from './statistics.ts';
import { exposeTritonNames } from './triton-metrics.ts';

const STAGES = ['queue', 'decode', 'run', 'respond'] as const;
type Stage = (typeof STAGES)[number];

/** 0.5 ms to 16 s, doubling: the same relative error over the whole range. */
const SECONDS = exponentialBuckets(0.0005, 2, 16);
/** 0.1 ms to 1.6 s, doubling: a refusal should take no time at all. */
const REFUSAL_SECONDS = exponentialBuckets(0.0001, 2, 15);
/** 1 to 64 items, doubling, as batches are warmed. */
const SIZES = exponentialBuckets(1, 2, 7);

/** Failures that cost the caller time and give nothing, whose time is watched. */
const REFUSALS: ReadonlySet<Reason | 'ok'> = new Set(['overloaded', 'unavailable', 'deadline_exceeded']);

const VERSION = ['model', 'version'] as const;

/**
 * Prometheus metrics of this process. Label values come only from the routing table and from closed sets
 * (decision D10), so that no caller can mint series. Histograms are added to as things happen; counters and gauges
 * are read from the statistics and the deployments when somebody asks.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #statistics: Statistics;
  readonly #requestDuration: Histogram<'model' | 'version'>;
  readonly #refusalDuration: Histogram<'reason'>;
  readonly #stages: Histogram<'model' | 'version' | 'stage'>;
  readonly #batchSize: Histogram<'model' | 'version'>;
  readonly #reloads: Counter<'outcome'>;
  readonly #stale: Gauge;

  constructor(source: StateSource, statistics: Statistics) {
    this.#statistics = statistics;
    const { registry } = this;
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    this.#requestDuration = new Histogram({
      name: METRIC.inferDuration,
      help: 'Time of a ModelInfer call that succeeded, from its arrival to its response.',
      labelNames: VERSION,
      buckets: SECONDS,
      registers,
    });
    this.#refusalDuration = new Histogram({
      name: METRIC.refusalDuration,
      help: 'Time until a ModelInfer call was refused or given up, by reason.',
      labelNames: ['reason'],
      buckets: REFUSAL_SECONDS,
      registers,
    });
    this.#stages = new Histogram({
      name: METRIC.stageDuration,
      help: 'Time of an item in each stage: queue, decode, run; and respond once per call.',
      labelNames: [...VERSION, 'stage'],
      buckets: SECONDS,
      registers,
    });
    this.#batchSize = new Histogram({
      name: METRIC.batchSize,
      help: 'Items per session run.',
      labelNames: VERSION,
      buckets: SIZES,
      registers,
    });
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
    exposeState(registry, source);
    exposeCaches(registry, source, statistics);
    exposeLoading(registry, source, statistics);
    exposeTritonNames(registry, source, statistics);
  }

  /** The page for Prometheus. */
  async page(): Promise<string> {
    this.sweep();
    return this.registry.metrics();
  }

  /** Forgets versions that have been out of service for a while, with all their series. */
  sweep(): void {
    for (const { model, version } of this.#statistics.sweep()) {
      this.#requestDuration.remove(model, version);
      this.#batchSize.remove(model, version);
      for (const stage of STAGES) this.#stages.remove(model, version, stage);
    }
  }

  /** A new version of the routing table was taken, or refused while the last good one stays. */
  routingReloaded(outcome: 'accepted' | 'refused'): void {
    this.#reloads.inc({ outcome });
    this.#stale.set(outcome === 'refused' ? 1 : 0);
  }

  requestFinished(call: EndedCall): void {
    const { model, version } = this.#statistics.callEnded(call);
    const { outcome, durationMs } = call;
    if (outcome === 'ok') this.#requestDuration.observe({ model, version }, durationMs / 1000);
    else if (REFUSALS.has(outcome)) this.#refusalDuration.observe({ reason: outcome }, durationMs / 1000);
  }

  batchStarted(model: string, version: string, batch: Batch): void {
    this.#batchSize.observe({ model, version }, batch.members.length);
  }

  /** @param respondMs time to word the response */
  answered(model: string, version: string, results: readonly ItemResult[], respondMs: number): void {
    this.#statistics.answered(model, version, results, respondMs);
    const observe = (stage: Stage, ms: number) => this.#stages.observe({ model, version, stage }, ms / 1000);
    for (const result of results) {
      if (!didRun(result)) continue;
      const { queueMs, decodeMs, runMs } = result;
      observe('queue', queueMs);
      observe('decode', decodeMs);
      observe('run', runMs);
    }
    observe('respond', respondMs);
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

/** The hook with which a dispatcher tells traces and metrics about its batches. */
export function observeBatches(
  metrics: Metrics,
  startSpan: (model: string, version: string, batch: Batch) => (error?: HeadgateError) => void,
) {
  return (model: string, version: string) => ({
    batchStarted(batch: Batch) {
      metrics.batchStarted(model, version, batch);
      return startSpan(model, version, batch);
    },
  });
}
