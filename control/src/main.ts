import { once } from 'node:events';
import { setPriority } from 'node:os';
import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { startAudit } from '@headgate/journal/audit/start-audit';
import { systemClock } from '@headgate/runtime/clock';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { inClusterApi } from '@headgate/runtime/kubernetes/api';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { createLogger } from '@headgate/runtime/logger';
import { refuseUnready } from '@headgate/runtime/production/requirements';
import { reportResilience } from '@headgate/runtime/resilience/metrics';
import type { Dependency } from '@headgate/runtime/resilience/policies';
import { Registry } from 'prom-client';
import { startAdmin } from './api/start-admin.ts';
import { auditedChanges } from './audit/changes.ts';
import { startAuditShipping } from './audit/start-shipping.ts';
import { scrapesOf } from './cluster/scrapes-of.ts';
import { startCluster } from './cluster/start-cluster.ts';
import { startExperiments } from './experiments/start-experiments.ts';
import { createInternalServer } from './internal-server.ts';
import { listen } from './listen.ts';
import { startModels } from './models/start-models.ts';
import { openPlaces } from './rollout/places.ts';
import { startRollouts } from './rollout/start-rollouts.ts';
import { startEmbedded } from './store/start-embedded.ts';

/** Predictions come first where both share the machine. */
const NICENESS = 10;

/** The control process: configuration, parts, port; then an ordered stop on SIGTERM or SIGINT. */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const root = env.HEADGATE_ROOT ?? process.cwd();
  const dir = env.HEADGATE_CONFIG_DIR ?? resolve(root, 'config');
  const config = loadConfig({ dir, environment: env.HEADGATE_ENV ?? 'dev', env });
  refuseUnready(config, root, 'control');
  const secret = readInternalSecret(config.listen, root);
  setPriority(NICENESS);
  const logger = createLogger({ service: 'control', level: config.telemetry.log_level });
  const registry = new Registry();
  const resilience = reportResilience({ logger, registry, breakers: breakersOf(config) });
  const embedded = startEmbedded(config, root, logger);
  const scrapes = scrapesOf(config);
  const own = { env, root, logger, registry, resilience, secret, scrapes, embedded: embedded?.database };

  const shipping = await startAuditShipping(config, own);
  const audit = await startAudit(config, { root, logger, metrics: { registry } }, 'control');
  const changes = auditedChanges(audit.sink, systemClock, logger);
  const cluster = await startCluster(config, own);
  const { isLeader } = cluster;
  const api = config.routing_config_map === '' ? undefined : await inClusterApi(env);
  const places = openPlaces(config, { ...own, changes, api, cluster, clock: systemClock });
  const experiments = await startExperiments(config, { ...own, routing: places.routing, isLeader });
  const control = startRollouts(config, { ...own, places, experiments, changes });
  const models = startModels(config, { ...own, control, changes, follows: places.follows });
  const parts = { audit: audit.sink, auditStore: shipping?.database, changes, control, experiments, models };
  const { admin, ...adminApi } = startAdmin(config, { ...own, ...parts });
  const server = createInternalServer({ ...embedded, ...shipping, registry, secret, logger, admin });
  const listening = await listen(server, config.listen);
  logger.info({ port: portOf(config.listen.port_base, 'control') }, 'control listens');

  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  listening.close();
  adminApi.stop();
  experiments.stop();
  await Promise.all([models.stop(), control.stop()]);
  await cluster.stop();
  await audit.stop();
  // What is shipped may be in the middle of a statement.
  await Promise.all([shipping?.stop(), embedded?.database.close()]);
}

/** Remote parts that a breaker protects here. */
function breakersOf({ audit, records, registry }: Config): Dependency[] {
  const isOnPostgres = audit.store === 'postgres' || records.sink === 'postgres';
  return [...(isOnPostgres ? (['database'] as const) : []), ...(registry.url ? (['registry'] as const) : [])];
}

main(process.env).then(
  () => process.exit(0),
  (error: NodeJS.ErrnoException) => {
    process.stderr.write(`control cannot run: ${error.message}\n`);
    const isSetup = error instanceof ConfigError;
    process.exit(isSetup ? 2 : error.code === 'EADDRINUSE' ? 3 : 1);
  },
);
