import { openPostgres, type PostgresOptions } from '@headgate/stores/postgres/database';
import type { RecordSink } from '@headgate/stores/records/sink';
import { type SqlSinkOptions, sqlSink } from '@headgate/stores/records/sql-sink';

/** Delivers straight into PostgreSQL. @throws ConfigError */
export async function postgresSink({
  retentionDays,
  expiryFailed,
  ...options
}: PostgresOptions & Pick<SqlSinkOptions, 'retentionDays' | 'expiryFailed'>): Promise<RecordSink> {
  const db = await openPostgres(options);
  return { ...sqlSink({ db, retentionDays, now: () => Date.now(), expiryFailed }), close: db.close };
}
