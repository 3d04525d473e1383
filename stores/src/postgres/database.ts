import { ConfigError } from '@headgate/runtime/load-config';
import type { Policy } from '@headgate/runtime/resilience/policy';
import type { ClientBase, ClientConfig } from 'pg';

/** A connection to PostgreSQL, or to one that is embedded. Values travel apart from the SQL, always. */
export interface Queryable {
  query(sql: string, values: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
  /** Runs plain SQL of several statements, as one transaction. */
  script(sql: string): Promise<void>;
}

export interface PostgresOptions {
  /** postgres://user@host:port/database, or several host:port; what it leaves out comes from the usual PG* variables. */
  readonly url: string;
  /** No statement takes longer, nor connecting, in ms. */
  readonly timeoutMs: number;
}

/** Two: one delivery at a time, and one connection for who asks beside it. */
const CONNECTIONS = 2;

export interface PostgresDatabase extends Queryable {
  close(): Promise<void>;
}

/**
 * Talks to the one of several servers that takes writes: the primary, whichever it is after a failover. Where a server
 * is gone or a standby, a call goes on with the next one; calls must bear to be run again. pg is loaded only here, so
 * that nobody pays for it who does not use it.
 *
 * @throws ConfigError
 */
export async function openPostgres({ url, timeoutMs }: PostgresOptions): Promise<PostgresDatabase> {
  const servers = serversOf(url);
  const { default: pg } = await import('pg');
  let current = 0;
  /** A pool of node-postgres has one address: it is chosen for each connection. */
  class CurrentServer extends pg.Client {
    constructor(config?: ClientConfig) {
      super({ ...config, connectionString: servers[current] });
    }
  }
  const pool = new pg.Pool({
    Client: CurrentServer,
    onConnect: refuseStandby,
    max: CONNECTIONS,
    // All of them can be asked within one attempt.
    connectionTimeoutMillis: timeoutMs / servers.length,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    keepAlive: true,
  });
  // An idle connection that breaks is not an error of anybody's call: the next one reconnects.
  pool.on('error', () => undefined);
  const query = async (sql: string, values?: readonly unknown[]) => {
    for (let left = servers.length - 1; ; left -= 1) {
      const asked = current;
      try {
        return await pool.query(sql, values && [...values]);
      } catch (error) {
        if (!concernsServer(error)) throw error;
        if (current === asked) current = (asked + 1) % servers.length;
        if (left === 0) throw error;
      }
    }
  };
  return {
    query,
    script: async (sql) => void (await query(sql)),
    close: () => pool.end(),
  };
}

/**
 * True for errors that tell about the server, not about the statement: it is out of reach (no SQLSTATE), lacks
 * something (53), starts, ends or is too slow (57), or reads only (25006). Another server may do better.
 */
export function concernsServer(error: unknown): boolean {
  const { severity, code } = error as { readonly severity?: unknown; readonly code?: unknown };
  return severity === undefined || /^(53|57|25006)/.test(String(code));
}

/** True for a statement about a table or schema that is not there: the database was replaced by an empty one. */
export function isMissingTable(error: unknown): boolean {
  return /^(42P01|3F000)$/.test(String((error as { readonly code?: unknown }).code));
}

async function refuseStandby(client: ClientBase): Promise<void> {
  const { rows } = await client.query('SHOW transaction_read_only');
  if (rows[0]?.transaction_read_only !== 'off')
    throw new Error('the server takes no writes: it is a standby');
}

const ADDRESS = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^@/?#]*)([/?#].*)?$/;
/** What libpq calls a server that takes writes; anything else would be of no use here. */
const WRITABLE = ['read-write', 'primary'];

/**
 * One URL for each server of an address that names one or several, as libpq writes it:
 * `postgres://user@one:5432,two:5432/database?target_session_attrs=read-write`. node-postgres knows neither lists of
 * servers nor that option.
 *
 * @throws ConfigError without the address: it holds a password
 */
export function serversOf(address: string): string[] {
  const [, login, hosts = '', rest = ''] = ADDRESS.exec(address) ?? [];
  if (login === undefined) throw refused('postgres://user:password@host:port/database');
  return hosts.split(',').map((host) => serverOf(`${login}${host}${rest}`));
}

function serverOf(text: string): string {
  const url = URL.parse(text);
  if (url === null) throw refused('host:port, or several with commas between them');
  const wanted = url.searchParams.get('target_session_attrs');
  if (wanted === null) return text;
  if (!WRITABLE.includes(wanted)) throw refused('target_session_attrs=read-write');
  url.searchParams.delete('target_session_attrs');
  return url.href;
}

function refused(expected: string): ConfigError {
  return new ConfigError(`address of PostgreSQL: expected ${expected}`);
}

/**
 * A database whose statements are called through a policy: at once refused while its breaker is open. They must bear
 * to be run again. Its owner closes it.
 */
export function guarded(db: Queryable, policy: Pick<Policy, 'run'>): Queryable {
  return {
    query: (sql, values) => policy.run(() => db.query(sql, values)),
    script: (sql) => policy.run(() => db.script(sql)),
  };
}
