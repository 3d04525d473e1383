import { METRIC } from '@headgate/contracts/names';
import type { Registry } from 'prom-client';
import type { Deployment } from '../models/deployment.ts';
import { collectedCounter, collectedGauge, perVersion } from './collected.ts';

/** Versions whose state is read when metrics are scraped. */
export interface StateSource {
  all(): readonly Deployment[];
}

/** What the served versions and their engines look like at the moment of a scrape. */
export function exposeState(registry: Registry, source: StateSource): void {
  const gauge = perVersion(registry, collectedGauge, () => source.all());
  gauge.each(METRIC.queueDepth, 'Items that wait for an engine.', ({ queued }) => queued);
  gauge.each(METRIC.inFlight, 'Accepted items that are not answered.', ({ inFlight }) => inFlight);
  gauge.each(METRIC.inFlightLimit, 'Items that may be in flight, as latency allows.', ({ limit }) => limit);
  gauge.each(METRIC.engineReady, 'Engines that are warm.', ({ engines }) => engines.length);
  gauge.each(METRIC.versionReady, '1 while the version can take work.', ({ status }) =>
    status === 'ready' ? 1 : 0,
  );
  gauge.each(
    METRIC.modelReadySince,
    'When the version was ready for the first time; 0 before that.',
    ({ readySinceMs = 0 }) => readySinceMs / 1000,
  );
  gauge.by(
    'sha256',
    METRIC.modelManifest,
    '1 for the SHA-256 of the manifest of each ready version.',
    (one) => (one.status === 'ready' && one.package ? [[one.package.manifestSha256, 1]] : []),
  );
  gauge.each(METRIC.engineMemory, 'Resident memory of the engines.', ({ engines }) =>
    engines.reduce((sum, engine) => sum + engine.residentBytes(), 0),
  );
  gauge.each(
    METRIC.modelChangedOnDisk,
    '1 while the repository holds something else than what was loaded.',
    ({ changedOnDisk }) => (changedOnDisk ? 1 : 0),
  );
  exposeEngines(registry, source);
}

/** State of the engines. `engine` counts those of a version from 0; both it and `device` are configured numbers. */
function exposeEngines(registry: Registry, source: StateSource): void {
  const gauge = perVersion(registry, collectedGauge, () => source.all());
  const counter = perVersion(registry, collectedCounter, () => source.all());
  counter.by(
    'reason',
    METRIC.engineRestarts,
    'Engine starts after the first, by why: crash, hang, out_of_memory, device_lost, load.',
    ({ slots }) => slots.flatMap(({ restarts }) => [['crash', 0] as const, ...restarts]),
  );
  gauge.by(
    'engine',
    METRIC.engineRestartPause,
    'Pause that an engine waits out before it is started again; 0 while it is up or starting.',
    ({ slots }) => slots.map(({ pauseMs }, i) => [String(i), pauseMs / 1000]),
  );
  counter.by(
    'reason',
    METRIC.engineRecycles,
    'Engines that were replaced by a fresh one, by why: memory_limit.',
    ({ slots }) => slots.map(({ recycles }) => ['memory_limit', recycles]),
  );
  counter.by(
    'device',
    METRIC.engineOutOfMemory,
    'Runs and warm-ups that failed for lack of memory; each halves the batches of its engine.',
    ({ slots }) => slots.map(({ outOfMemory, deviceId }) => [String(deviceId), outOfMemory]),
  );
  gauge.by(
    'engine',
    METRIC.engineMaxBatchSize,
    'Largest batch of an engine: what the manifest says, or less after it ran out of memory.',
    ({ slots }) => slots.map(({ maxBatchSize }, i) => [String(i), maxBatchSize]),
  );
  collectedGauge(registry, {
    name: METRIC.engineProvider,
    help: '1 for each execution provider and CUDA device in use.',
    labels: ['model', 'version', 'provider', 'device'],
    collect: (sample) => {
      for (const { model, version, engines } of source.all()) {
        for (const { report, deviceId } of engines) {
          const device = report.provider === 'cuda' ? String(deviceId) : '';
          sample({ model, version, provider: report.provider, device }, 1);
        }
      }
    },
  });
}
