import { hash } from 'node:crypto';
import type { Audit } from '@headgate/journal/audit/start-audit';
import type { KeyFileReport } from '@headgate/runtime/keys/file-keys';
import type { Logger } from '@headgate/runtime/logger';
import type { RoutingReport } from '@headgate/runtime/routing/follow-routing';
import type { FileError } from '@headgate/runtime/watch-file';
import type { OidcReport } from '../auth/oidc/verifier.ts';
import type { ReadinessReport } from '../upstream/readiness.ts';
import type { Metrics } from './metrics.ts';

/** Shows which routing table is in force, and whether its source has a newer one that was refused. */
export function reportRouting(logger: Logger, metrics: Metrics, audit: Pick<Audit, 'found'>): RoutingReport {
  return {
    accepted(routing) {
      metrics.routingReloads.inc({ outcome: 'accepted' });
      metrics.routingGeneration.inc();
      metrics.routingStale.set(0);
      // Two tables with the same digest say the same.
      audit.found('routing.reload', 'accepted', { sha256: hash('sha256', JSON.stringify(routing)) });
      const weights = Object.entries(routing.models).map(([model, { experiment }]) => [
        model,
        Object.fromEntries(experiment.variants.map(({ name, weight }) => [name, weight])),
      ]);
      logger.info({ weights: Object.fromEntries(weights) }, 'routing table in force');
    },
    refused(error) {
      metrics.routingReloads.inc({ outcome: 'refused' });
      metrics.routingStale.set(1);
      audit.found('routing.reload', 'refused');
      logRefusal(logger, error, 'routing table refused as a whole; the last good one stays in force');
    },
    lost: (err) =>
      logger.warn({ err }, 'the ConfigMap of the routing table cannot be followed; its last table stays'),
    found: () => logger.info('the ConfigMap of the routing table is followed again'),
  };
}

/** @param tiers of the configuration, by name */
export function reportKeys(logger: Logger, audit: Pick<Audit, 'found'>, tiers: object): KeyFileReport {
  return {
    accepted(count, named) {
      audit.found('keys.reload', 'accepted', { keys: count });
      logger.info({ keys: count }, 'key records in force');
      const unknown = [...new Set(named)].filter((tier) => !Object.hasOwn(tiers, tier));
      if (unknown.length > 0)
        logger.warn({ tiers: unknown }, 'keys name unknown tiers, and get the tier default');
    },
    refused(error) {
      audit.found('keys.reload', 'refused');
      logRefusal(logger, error, 'keys file refused as a whole; the last good records stay in force');
    },
  };
}

/** An issuer that cannot be reached is logged once, not at every attempt; the metrics count all of them. */
export function reportTokens(logger: Logger, metrics: Metrics): OidcReport {
  const down = new Set<string>();
  return {
    keysLoaded(issuer, keys) {
      metrics.oidcKeyLoads.inc({ issuer, outcome: 'loaded' });
      if (down.delete(issuer)) logger.info({ issuer, keys }, 'the keys of the issuer are available again');
    },
    keysFailed(issuer, err) {
      metrics.oidcKeyLoads.inc({ issuer, outcome: 'failed' });
      if (down.has(issuer)) return;
      down.add(issuer);
      logger.warn({ issuer, err }, 'the keys of the issuer cannot be loaded; its last ones stay in use');
    },
    tokenRefused: (issuer, why) => metrics.tokenRefusals.inc({ issuer, why }),
  };
}

export function reportReadiness(logger: Logger): ReadinessReport {
  return {
    readinessChanged(model, version, ready) {
      const text = ready
        ? 'model version is ready'
        : 'model version is not ready: units of a treatment get control, calls of control go to any process';
      logger[ready ? 'info' : 'warn']({ model, version, ready }, text);
    },
    unresolved: (err) =>
      logger.error({ err }, 'the inference target cannot be resolved; keeping its last addresses'),
  };
}

/** One line a problem, so that each can be found and read by itself. */
function logRefusal(logger: Logger, error: Pick<FileError, 'issues'>, text: string): void {
  for (const issue of error.issues) logger.error({ issue }, text);
}
