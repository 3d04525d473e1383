import type { Logger } from '@headgate/contracts/telemetry/logger';
import type { FileError } from '@headgate/contracts/watch-file';
import type { KeyFileReport } from '../auth/file-keys.ts';
import type { RoutingReport } from '../routing/file-source.ts';
import type { ReadinessReport } from '../upstream/readiness.ts';
import type { Metrics } from './metrics.ts';

/** Shows which routing table is in force, and whether the file on disk is a better one that was refused. */
export function reportRouting(logger: Logger, metrics: Metrics): RoutingReport {
  return {
    accepted(routing) {
      metrics.routingReloads.inc({ outcome: 'accepted' });
      metrics.routingGeneration.inc();
      metrics.routingStale.set(0);
      const weights = Object.entries(routing.models).map(([model, { experiment }]) => [
        model,
        Object.fromEntries(experiment.variants.map(({ name, weight }) => [name, weight])),
      ]);
      logger.info({ weights: Object.fromEntries(weights) }, 'routing table in force');
    },
    refused(error) {
      metrics.routingReloads.inc({ outcome: 'refused' });
      metrics.routingStale.set(1);
      logRefusal(logger, error, 'routing file refused as a whole; the last good table stays in force');
    },
  };
}

export function reportKeys(logger: Logger): KeyFileReport {
  return {
    accepted: (count) => logger.info({ keys: count }, 'key records in force'),
    refused: (error) =>
      logRefusal(logger, error, 'keys file refused as a whole; the last good records stay in force'),
  };
}

export function reportReadiness(logger: Logger): ReadinessReport {
  return {
    readinessChanged(model, version, ready) {
      const text = ready ? 'model version is ready' : 'model version is not ready; it gets no traffic';
      logger[ready ? 'info' : 'warn']({ model, version, ready }, text);
    },
    unresolved: (err) =>
      logger.error({ err }, 'the inference target cannot be resolved; keeping its last addresses'),
  };
}

/** One line a problem, so that each can be found and read by itself. */
function logRefusal(logger: Logger, error: FileError, text: string): void {
  for (const issue of error.issues) logger.error({ issue }, text);
}
