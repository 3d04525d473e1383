import { METRIC } from '@headgate/contracts/names';
import type { Registry } from 'prom-client';
import type { Deployment } from '../models/deployment.ts';
import { collectedCounter, collectedGauge } from './collected.ts';

/** Versions whose state is read when metrics are scraped. */
export interface StateSource {
  all(): readonly Deployment[];
}

const VERSION = ['model', 'version'] as const;

/** What the served versions and their engines look like at the moment of a scrape. */
export function exposeState(registry: Registry, source: StateSource): void {
  const gauge = (name: string, help: string, read: (deployment: Deployment) => number) =>
    collectedGauge(registry, {
      name,
      help,
      labels: VERSION,
      collect: (sample) => {
        for (const one of source.all()) sample({ model: one.model, version: one.version }, read(one));
      },
    });
  gauge(METRIC.queueDepth, 'Items that wait for an engine.', ({ queued }) => queued);
  gauge(METRIC.inFlight, 'Accepted items that are not answered.', ({ inFlight }) => inFlight);
  gauge(METRIC.inFlightLimit, 'Items that may be in flight, as latency allows.', ({ limit }) => limit);
  gauge(METRIC.engineReady, 'Engines that are warm.', ({ engines }) => engines.length);
  gauge(METRIC.versionReady, '1 while the version can take work.', ({ status }) =>
    status === 'ready' ? 1 : 0,
  );
  gauge(METRIC.engineMemory, 'Resident memory of the engines.', ({ engines }) =>
    engines.reduce((sum, engine) => sum + engine.residentBytes(), 0),
  );
  exposeEngines(registry, source);
}

function exposeEngines(registry: Registry, source: StateSource): void {
  collectedCounter(registry, {
    name: METRIC.engineRestarts,
    help: 'Engine starts after the first.',
    labels: VERSION,
    collect: (sample) => {
      for (const { model, version, restarts } of source.all()) sample({ model, version }, restarts);
    },
  });
  collectedGauge(registry, {
    name: METRIC.engineProvider,
    help: '1 for the execution provider in use.',
    labels: [...VERSION, 'provider'],
    collect: (sample) => {
      for (const { model, version, engines } of source.all()) {
        for (const { report } of engines) sample({ model, version, provider: report.provider }, 1);
      }
    },
  });
}
