import { METRIC } from '@headgate/contracts/names';
import type { Registry } from 'prom-client';
import type { SlotState } from '../engine/parent/slot.ts';
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

type SlotSample = Partial<Record<'device' | 'reason' | 'engine', string>>;

/** How the engines fare. `engine` counts those of a version from 0; both it and `device` are configured numbers. */
function exposeEngines(registry: Registry, source: StateSource): void {
  const eachSlot =
    (read: (slot: SlotState, engine: number, sample: (labels: SlotSample, value: number) => void) => void) =>
    (sample: (labels: SlotSample & { model: string; version: string }, value: number) => void) => {
      for (const { model, version, slots } of source.all()) {
        slots.forEach((slot, i) => {
          read(slot, i, (labels, value) => sample({ model, version, ...labels }, value));
        });
      }
    };
  collectedCounter(registry, {
    name: METRIC.engineRestarts,
    help: 'Engine starts after the first, by why: crash, hang, out_of_memory, device_lost, load.',
    labels: [...VERSION, 'reason'],
    collect: eachSlot(({ restarts }, _, sample) => {
      sample({ reason: 'crash' }, 0);
      for (const [reason, count] of restarts) sample({ reason }, count);
    }),
  });
  collectedGauge(registry, {
    name: METRIC.engineRestartPause,
    help: 'Pause that an engine waits out before it is started again; 0 while it is up or starting.',
    labels: [...VERSION, 'engine'],
    collect: eachSlot(({ pauseMs }, i, sample) => sample({ engine: String(i) }, pauseMs / 1000)),
  });
  collectedCounter(registry, {
    name: METRIC.engineRecycles,
    help: 'Engines that were replaced by a fresh one, by why: memory_limit.',
    labels: [...VERSION, 'reason'],
    collect: eachSlot(({ recycles }, _, sample) => sample({ reason: 'memory_limit' }, recycles)),
  });
  collectedCounter(registry, {
    name: METRIC.engineOutOfMemory,
    help: 'Runs and warm-ups that failed for lack of memory; each halves the batches of its engine.',
    labels: [...VERSION, 'device'],
    collect: eachSlot(({ outOfMemory, deviceId }, _, sample) =>
      sample({ device: String(deviceId) }, outOfMemory),
    ),
  });
  collectedGauge(registry, {
    name: METRIC.engineMaxBatchSize,
    help: 'Largest batch of an engine: what the manifest says, or less after it ran out of memory.',
    labels: [...VERSION, 'engine'],
    collect: eachSlot(({ maxBatchSize }, i, sample) => sample({ engine: String(i) }, maxBatchSize)),
  });
  collectedGauge(registry, {
    name: METRIC.engineProvider,
    help: '1 for each execution provider and CUDA device in use.',
    labels: [...VERSION, 'provider', 'device'],
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
