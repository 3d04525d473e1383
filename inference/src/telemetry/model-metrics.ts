import { METRIC } from '@headgate/contracts/names';
import type { Registry } from 'prom-client';
import type { Deployment } from '../models/deployment.ts';
import { collectedCounter, collectedGauge } from './collected.ts';
import type { Statistics } from './statistics.ts';

/** Versions whose state is read when metrics are scraped. */
export interface ModelMetricsSource {
  all(): readonly Pick<Deployment, 'model' | 'version' | 'changedOnDisk'>[];
}

const VERSION = ['model', 'version'] as const;

/** Metrics of loading. Versions are those of the routing table or of the repository (decision 0010). */
export function exposeLoading(registry: Registry, source: ModelMetricsSource, statistics: Statistics): void {
  collectedCounter(registry, {
    name: METRIC.modelLoadFailures,
    help: 'Attempts to load a model version that failed, by what stood in the way.',
    labels: [...VERSION, 'reason'],
    collect: (sample) => {
      for (const { model, version, counters } of statistics.entries()) {
        for (const [reason, count] of counters.loadFailures) sample({ model, version, reason }, count);
      }
    },
  });
  collectedGauge(registry, {
    name: METRIC.modelChangedOnDisk,
    help: '1 while the repository holds something else than what was loaded.',
    labels: VERSION,
    collect: (sample) => {
      for (const { model, version, changedOnDisk } of source.all()) {
        sample({ model, version }, changedOnDisk ? 1 : 0);
      }
    },
  });
}
