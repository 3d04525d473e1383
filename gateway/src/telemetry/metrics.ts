import { METRIC } from '@headgate/contracts/names';
import type { FollowedRouting } from '@headgate/runtime/routing/follow-routing';
import { Counter, collectDefaultMetrics, exponentialBuckets, Gauge, Histogram, Registry } from 'prom-client';
import type { Readiness } from '../upstream/inference.ts';

/** 1 ms to 16 s, each bound twice the one before: the same relative error at every scale. */
const SECONDS = exponentialBuckets(0.001, 2, 15);

/** 1 KiB to 16 MiB, each bound four times the one before. */
const BYTES = exponentialBuckets(1024, 4, 8);

export type Metrics = ReturnType<typeof createMetrics>;

/** The gateway's instruments in a registry of their own. Names: contracts/src/names.ts. */
export function createMetrics() {
  const registry = new Registry();
  // The default interval of 10 ms alone costs an idle process a percent of a core.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 200 });
  const registers = [registry];
  return {
    registry,
    ...requestMetrics(registers),
    ...predictionMetrics(registers),
    ...routingMetrics(registers),
    ...oidcMetrics(registers),
  };
}

function requestMetrics(registers: Registry[]) {
  return {
    httpRequests: new Counter({
      name: METRIC.httpRequests,
      help: 'HTTP requests answered, by route pattern, method, status and reason of refusal or failure.',
      labelNames: ['route', 'method', 'status', 'reason'] as const,
      registers,
    }),
    httpDuration: new Histogram({
      name: METRIC.httpDuration,
      help: 'Time from the first byte of the request head to the answer, by route pattern.',
      labelNames: ['route'] as const,
      buckets: SECONDS,
      registers,
    }),
    httpInFlight: new Gauge({
      name: METRIC.httpInFlight,
      help: 'HTTP requests in progress.',
      registers,
    }),
    httpBodyBytes: new Histogram({
      name: METRIC.httpBodyBytes,
      help: 'Size of request bodies that arrived whole.',
      buckets: BYTES,
      registers,
    }),
    rateLimited: new Counter({
      name: METRIC.rateLimited,
      help: 'Requests refused by a quota.',
      labelNames: ['scope', 'group'] as const,
      registers,
    }),
    authFailures: new Counter({
      name: METRIC.authFailures,
      help: 'Requests refused for their credential.',
      labelNames: ['reason'] as const,
      registers,
    }),
  };
}

function predictionMetrics(registers: Registry[]) {
  return {
    predictions: new Counter({
      name: METRIC.predictions,
      help: 'Images answered or failed, by what served them; outcome is ok or a reason.',
      labelNames: ['model', 'version', 'variant', 'outcome'] as const,
      registers,
    }),
    predictionDuration: new Histogram({
      name: METRIC.predictionDuration,
      help: 'Time of one image in inference as the gateway sees it.',
      labelNames: ['model', 'version', 'variant'] as const,
      buckets: SECONDS,
      registers,
    }),
    shedRequests: new Counter({
      name: METRIC.shedRequests,
      help: 'Requests refused by the gateway in place of an overloaded model version, before their body was read.',
      labelNames: ['model', 'version'] as const,
      registers,
    }),
    variantFallbacks: new Counter({
      name: METRIC.variantFallbacks,
      help: 'Images served by the control because the version of their own variant was not ready.',
      labelNames: ['model', 'variant'] as const,
      registers,
    }),
  };
}

function routingMetrics(registers: Registry[]) {
  return {
    routingReloads: new Counter({
      name: METRIC.routingReloads,
      help: 'Versions of the routing table that were read: accepted or refused as a whole.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    routingStale: new Gauge({
      name: METRIC.routingStale,
      help: '1 while the source has no usable routing table and the last good one is in force.',
      registers,
    }),
    routingGeneration: new Gauge({
      name: METRIC.routingGeneration,
      help: 'Routing tables put in force since the start.',
      registers,
    }),
  };
}

function oidcMetrics(registers: Registry[]) {
  return {
    tokenRefusals: new Counter({
      name: METRIC.tokenRefusals,
      help: 'Bearer tokens refused, by the configured issuer that they name, and why.',
      labelNames: ['issuer', 'why'] as const,
      registers,
    }),
    oidcKeyLoads: new Counter({
      name: METRIC.oidcKeyLoads,
      help: 'Attempts to load the public keys of an issuer of bearer tokens.',
      labelNames: ['issuer', 'outcome'] as const,
      registers,
    }),
  };
}

/** Gauges that are read from live state when Prometheus asks, so that they cannot disagree with it. */
export function exposeState(
  registry: Registry,
  routing: Omit<FollowedRouting, 'stop'>,
  readiness: Readiness,
): void {
  new Gauge({
    name: METRIC.routingWeight,
    help: 'Share of the units of a model that a variant gets, in percent.',
    labelNames: ['model', 'variant'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const [model, { experiment }] of Object.entries(routing.current().models)) {
        for (const { name, weight } of experiment.variants) this.set({ model, variant: name }, weight);
      }
    },
  });
  new Gauge({
    name: METRIC.routingSourceAge,
    help: 'Time since the source of the routing table last answered; 0 for a file.',
    registers: [registry],
    collect() {
      this.set(routing.ageMs() / 1000);
    },
  });
  new Gauge({
    name: METRIC.versionReady,
    help: '1 while a model version may get traffic (decision 0007).',
    labelNames: ['model', 'version'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const [model, { versions }] of Object.entries(routing.current().models)) {
        for (const version of versions) {
          this.set({ model, version }, readiness.isReady(model, version) ? 1 : 0);
        }
      }
    },
  });
}
