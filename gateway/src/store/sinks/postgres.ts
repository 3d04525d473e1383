import type { Queryable } from '@headgate/contracts/records/database';
import type { RecordSink } from '@headgate/contracts/records/sink';
import { sqlSink } from '@headgate/contracts/records/sql-sink';
import { Pool } from 'pg';

export interface PostgresOptions {
  /** postgres://user@host:port/database; what it leaves out comes from the usual PG* variables. */
  readonly url: string;
  /** No statement and no connection attempt takes longer, in ms. */
  readonly timeoutMs: number;
  readonly retentionDays: number;
}

/** Two: one delivery at a time, and one connection for who asks beside it. */
const CONNECTIONS = 2;

export interface PostgresDatabase extends Queryable {
  close(): Promise<void>;
}

export function openPostgres({ url, timeoutMs }: Omit<PostgresOptions, 'retentionDays'>): PostgresDatabase {
  const pool = new Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    keepAlive: true,
  });
  // An idle connection that breaks is not an error of anybody's call: the next one connects anew.
  pool.on('error', () => undefined);
  return {
    query: (sql, values) => pool.query(sql, [...values]),
    script: async (sql) => void (await pool.query(sql)),
    close: () => pool.end(),
  };
}

/** Delivers straight into PostgreSQL. */
export function postgresSink(options: PostgresOptions): RecordSink {
  const db = openPostgres(options);
  const { deliver } = sqlSink({ db, retentionDays: options.retentionDays, now: () => Date.now() });
  return { deliver, close: db.close };
}
