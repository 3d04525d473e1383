import { once } from 'node:events';
import { setPriority } from 'node:os';
import { resolve } from 'node:path';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { createLogger } from '@headgate/runtime/logger';
import { reportResilience } from '@headgate/runtime/resilience/metrics';
import { Registry } from 'prom-client';
import { startAuditShipping } from './audit/start-shipping.ts';

/** Predictions come first. */
const NICENESS = 10;

/**
 * Brings the audit logs of one pod into PostgreSQL, beside the gateway or the inference process that writes them. On a
 * single machine control does this. SIGTERM comes after the writer has ended, and the logs go with the pod.
 */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const ended = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const root = env.HEADGATE_ROOT ?? process.cwd();
  const dir = env.HEADGATE_CONFIG_DIR ?? resolve(root, 'config');
  const config = loadConfig({ dir, environment: env.HEADGATE_ENV ?? 'dev', env });
  if (config.audit.sink === 'none' || config.audit.store !== 'postgres') {
    throw new ConfigError(
      'audit.store: expected postgres, the store of audit logs that several machines share',
    );
  }
  setPriority(NICENESS);
  const logger = createLogger({ service: 'ship-audit', level: config.telemetry.log_level });
  const resilience = reportResilience({ logger, registry: new Registry(), breakers: ['database'] });
  const shipping = await startAuditShipping(config, {
    root,
    logger,
    embedded: undefined,
    resilience,
    logsHeads: true,
  });
  logger.info('audit logs are shipped');
  await ended;
  if (!(await shipping?.finish()))
    throw new Error('not all audit records are stored; the rest goes with the pod');
}

main(process.env).then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`the audit log cannot be shipped: ${error.message}\n`);
    process.exit(error instanceof ConfigError ? 2 : 1);
  },
);
