import { METRIC } from '@headgate/contracts/names';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { LoadErrorKind } from '../load-error.ts';
import type { Deployment } from '../models/deployment.ts';

/** Versions whose state is read when metrics are scraped. */
export interface ModelMetricsSource {
  all(): readonly Pick<Deployment, 'model' | 'version' | 'changedOnDisk'>[];
}

/** Metrics of loading. Versions are those of the routing table or of the repository (decision D10). */
export class ModelMetrics {
  readonly #failures: Counter<'model' | 'version' | 'reason'>;

  constructor(registry: Registry, source: ModelMetricsSource) {
    const registers = [registry];
    this.#failures = new Counter({
      name: METRIC.modelLoadFailures,
      help: 'Attempts to load a model version that failed, by what stood in the way.',
      labelNames: ['model', 'version', 'reason'],
      registers,
    });
    new Gauge({
      name: METRIC.modelChangedOnDisk,
      help: '1 while the repository holds something else than what was loaded.',
      labelNames: ['model', 'version'],
      registers,
      collect() {
        this.reset();
        for (const { model, version, changedOnDisk } of source.all()) {
          this.set({ model, version }, changedOnDisk ? 1 : 0);
        }
      },
    });
  }

  loadFailed(model: string, version: string, reason: LoadErrorKind): void {
    this.#failures.inc({ model, version, reason });
  }
}
