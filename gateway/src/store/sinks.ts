import type { Config } from '@headgate/contracts/config/schema';
import { internalAddress } from '@headgate/contracts/names';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import type { Logger } from '@headgate/runtime/logger';
import { createPolicy, type Policy, type PolicyOptions } from '@headgate/runtime/resilience/policy';
import type { PostgresOptions } from '@headgate/stores/postgres/database';
import { type RecordSink, RecordsRefusedError } from '@headgate/stores/records/sink';
import type { SqlSinkOptions } from '@headgate/stores/records/sql-sink';

interface SinkDeps {
  readonly secret?: InternalSecret | undefined;
  readonly logger: Pick<Logger, 'error'>;
}

/** The sink that the configuration names. */
export function sinkOf(config: Config, { secret, logger }: SinkDeps): Promise<RecordSink> | RecordSink {
  const { records, listen, dependencies } = config;
  if (records.sink !== 'postgres') {
    const target = records.control_target || internalAddress(listen, 'control');
    return controlSink(`http://${target}`, secret);
  }
  return postgresSink({
    url: records.postgres_url,
    timeoutMs: dependencies.database.timeout_ms,
    retentionDays: records.retention_days,
    expiryFailed: (err) => logger.error({ err }, 'records beyond their retention cannot be removed'),
  });
}

/** What control answers to records that are none, and to more bytes than it takes at once. */
const REFUSALS = new Set([400, 413]);

/** Delivers to control over HTTP, for the layout whose database lives inside control. @param url its base */
export function controlSink(url: string, secret?: InternalSecret): RecordSink {
  return {
    async deliver(records, signal) {
      const response = await fetch(new URL('/internal/records', url), {
        method: 'POST',
        redirect: 'error',
        headers: { ...secret?.header, 'content-type': 'application/json' },
        body: JSON.stringify({ records }),
        signal,
      }).catch((cause) => {
        throw new Error('control does not answer', { cause });
      });
      await response.body?.cancel();
      if (response.ok) return;
      if (REFUSALS.has(response.status)) {
        throw new RecordsRefusedError(`control refuses the records: ${response.status}`);
      }
      throw new Error(`control answered ${response.status}`);
    },
    close: async () => undefined,
  };
}

/** Delivers straight into PostgreSQL; its client is loaded only where it is used. @throws ConfigError */
export async function postgresSink({
  retentionDays,
  expiryFailed,
  ...options
}: PostgresOptions & Pick<SqlSinkOptions, 'retentionDays' | 'expiryFailed'>): Promise<RecordSink> {
  const { openPostgres } = await import('@headgate/stores/postgres/database');
  const { sqlSink } = await import('@headgate/stores/records/sql-sink');
  const db = await openPostgres(options);
  return { ...sqlSink({ db, retentionDays, now: () => Date.now(), expiryFailed }), close: db.close };
}

/**
 * How this process calls the place where records end up, PostgreSQL or control. A record that the store refuses says
 * nothing about its health.
 */
export function databasePolicy(options: Omit<PolicyOptions, 'dependency' | 'isFailure'>): Policy {
  const isFailure = (error: unknown) => !(error instanceof RecordsRefusedError);
  return createPolicy({ dependency: 'database', isFailure, ...options });
}
