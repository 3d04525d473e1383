import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { resolve } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { createLogger } from '@headgate/runtime/logger';
import { refuseUnready } from '@headgate/runtime/production/requirements';
import { reportResilience } from '@headgate/runtime/resilience/metrics';
import type { Dependency } from '@headgate/runtime/resilience/policies';
import { type JudgedQuery, judgedImages } from '@headgate/stores/records/judged';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { Registry } from 'prom-client';
import { startAuditShipping } from './audit/start-shipping.ts';
import { createInternalServer } from './internal-server.ts';
import { embeddedDatabase } from './store/embedded-database.ts';

/** Predictions come first where both share the machine. */
const NICENESS = 10;

/** The control process: so far the embedded store of records, and what brings audit logs into a store. */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const root = env.HEADGATE_ROOT ?? process.cwd();
  const dir = env.HEADGATE_CONFIG_DIR ?? resolve(root, 'config');
  const config = loadConfig({ dir, environment: env.HEADGATE_ENV ?? 'dev', env });
  refuseUnready(config, root, 'control');
  const secret = readInternalSecret(config.listen, root);
  setPriority(NICENESS);
  const logger = createLogger({ service: 'control', level: config.telemetry.log_level });

  // Two stacks of one checkout differ in their port base; a store has one process.
  const storeDir = resolve(root, config.records.embedded_dir, String(config.listen.port_base));
  mkdirSync(storeDir, { recursive: true, mode: 0o700 });
  const database = embeddedDatabase(storeDir);
  const sink = sqlSink({
    db: database,
    now: () => Date.now(),
    retentionDays: config.records.retention_days,
    expiryFailed: (err) => logger.error({ err }, 'records beyond their retention cannot be removed'),
  });
  const registry = new Registry();
  const breakers: Dependency[] = config.audit.store === 'postgres' ? ['database'] : [];
  const resilience = reportResilience({ logger, registry, breakers });
  const shipping = await startAuditShipping(config, { root, logger, embedded: database, resilience });
  const judged = (query: JudgedQuery) => judgedImages(database, query);
  const audit = { verifyAudit: shipping?.verify, confirmAudit: shipping?.confirm };
  const server = createInternalServer({ sink, ...audit, judged, registry, secret, logger });
  server.listen(portOf(config.listen.port_base, 'control'), config.listen.internal_host);
  await once(server, 'listening');
  logger.info({ port: portOf(config.listen.port_base, 'control') }, 'control listens');

  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  server.closeAllConnections();
  server.close();
  await shipping?.stop();
  await database.close();
}

main(process.env).then(
  () => process.exit(0),
  (error: NodeJS.ErrnoException) => {
    process.stderr.write(`control cannot run: ${error.message}\n`);
    const isSetup = error instanceof ConfigError;
    process.exit(isSetup ? 2 : error.code === 'EADDRINUSE' ? 3 : 1);
  },
);
