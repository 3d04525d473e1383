import type { HeadgateError, Reason } from '@headgate/contracts/errors';
import { METRIC, OTHER } from '@headgate/contracts/names';
import { Counter, collectDefaultMetrics, exponentialBuckets, Gauge, Histogram, Registry } from 'prom-client';
import type { Batch } from '../batch.ts';
import type { ItemResult } from '../item.ts';
import type { Deployment } from '../models/deployment.ts';

/** Versions whose state is read when metrics are scraped. */
export interface MetricsSource {
  all(): readonly Deployment[];
}

type Stage = 'queue' | 'decode' | 'run' | 'respond';

/** 0.5 ms to 16 s, doubling: the same relative error over the whole range. */
const SECONDS = exponentialBuckets(0.0005, 2, 16);
/** 1 to 64 items, doubling, as batches are warmed. */
const SIZES = exponentialBuckets(1, 2, 7);

const VERSION = ['model', 'version'] as const;

/**
 * Prometheus metrics of this process. Label values come only from the routing table and from closed sets
 * (decision D10), so that no caller can mint series.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #source: MetricsSource;
  readonly #requests: Counter<'model' | 'version' | 'outcome'>;
  readonly #stages: Histogram<'model' | 'version' | 'stage'>;
  readonly #batchSize: Histogram<'model' | 'version'>;
  readonly #batches: Counter<'model' | 'version' | 'release'>;
  readonly #reloads: Counter<'outcome'>;
  readonly #stale: Gauge;

  constructor(source: MetricsSource) {
    this.#source = source;
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: METRIC.inferRequests,
      help: 'ModelInfer calls by outcome: ok, or the reason of the failure',
      labelNames: [...VERSION, 'outcome'],
      registers,
    });
    this.#stages = new Histogram({
      name: METRIC.stageDuration,
      help: 'Time of an item in each stage: queue, decode, run; and respond once per call',
      labelNames: [...VERSION, 'stage'],
      buckets: SECONDS,
      registers,
    });
    this.#batchSize = new Histogram({
      name: METRIC.batchSize,
      help: 'Items per session run',
      labelNames: VERSION,
      buckets: SIZES,
      registers,
    });
    this.#batches = new Counter({
      name: METRIC.batches,
      help: 'Session runs by why the batch was released: full, delay or idle',
      labelNames: [...VERSION, 'release'],
      registers,
    });
    this.#reloads = new Counter({
      name: METRIC.routingReloads,
      help: 'New versions of the routing table by outcome: accepted or refused',
      labelNames: ['outcome'],
      registers,
    });
    this.#stale = new Gauge({
      name: METRIC.routingStale,
      help: '1 while the routing table on disk is refused and the last good one is in use',
      registers,
    });
    this.#gauges();
  }

  /** A new version of the routing table was taken, or refused while the last good one stays. */
  routingReloaded(outcome: 'accepted' | 'refused'): void {
    this.#reloads.inc({ outcome });
    this.#stale.set(outcome === 'refused' ? 1 : 0);
  }

  requestFinished(model: string, version: string, outcome: 'ok' | Reason): void {
    this.#requests.inc({ ...this.#labels(model, version), outcome });
  }

  batchStarted(model: string, version: string, batch: Batch): void {
    this.#batchSize.observe({ model, version }, batch.members.length);
    this.#batches.inc({ model, version, release: batch.reason });
  }

  /** @param respondMs time to word the response */
  answered(model: string, version: string, results: readonly ItemResult[], respondMs: number): void {
    const observe = (stage: Stage, ms: number) => this.#stages.observe({ model, version, stage }, ms / 1000);
    for (const { queueMs, decodeMs, runMs } of results) {
      observe('queue', queueMs);
      observe('decode', decodeMs);
      observe('run', runMs);
    }
    observe('respond', respondMs);
  }

  #labels(model: string, version: string): { model: string; version: string } {
    const known = this.#source.all().filter((deployment) => deployment.model === model);
    if (known.length === 0) return { model: OTHER, version: OTHER };
    // An unversioned call was answered by the control version; it keeps a name of its own here.
    if (version === '') return { model, version: 'control' };
    return { model, version: known.some((one) => one.version === version) ? version : OTHER };
  }

  /** Gauges are read from the deployments when somebody asks, and cost nothing otherwise. */
  #gauges(): void {
    const gauge = (name: string, help: string, read: (deployment: Deployment) => number) =>
      this.#collected(name, help, (set) => {
        for (const one of this.#source.all()) set({}, one, read(one));
      });
    gauge(METRIC.queueDepth, 'Items that wait for an engine', ({ queued }) => queued);
    gauge(METRIC.inFlight, 'Accepted items that are not answered', ({ inFlight }) => inFlight);
    gauge(METRIC.engineReady, 'Engines that are warm', ({ engines }) => engines.length);
    gauge(METRIC.versionReady, '1 while the version can take work', ({ status }) =>
      status === 'ready' ? 1 : 0,
    );
    gauge(METRIC.engineMemory, 'Resident memory of the engines', ({ engines }) =>
      engines.reduce((sum, engine) => sum + engine.residentBytes(), 0),
    );
    this.#restarts();
    this.#collected(METRIC.engineProvider, '1 for the execution provider in use', (set) => {
      for (const one of this.#source.all()) {
        for (const { report } of one.engines) set({ provider: report.provider }, one, 1);
      }
    });
  }

  #restarts(): void {
    const source = this.#source;
    new Counter({
      name: METRIC.engineRestarts,
      help: 'Engine starts after the first',
      labelNames: VERSION,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { model, version, restarts } of source.all()) this.inc({ model, version }, restarts);
      },
    });
  }

  #collected(
    name: string,
    help: string,
    collect: (set: (labels: { provider?: string }, of: Deployment, value: number) => void) => void,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [...VERSION, 'provider'],
      registers: [this.registry],
      collect() {
        this.reset();
        collect((labels, { model, version }, value) => this.set({ model, version, ...labels }, value));
      },
    });
  }
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
