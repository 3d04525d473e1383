import type { Queryable } from '@headgate/contracts/records/database';

export interface AuditDatabase extends Queryable {
  close(): Promise<void>;
}

/**
 * A connection to PostgreSQL for one delivery or one question at a time. pg is loaded only where it is used.
 *
 * @param timeoutMs no statement and no connection attempt takes longer
 */
export async function openPostgres(url: string, timeoutMs: number): Promise<AuditDatabase> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
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
