/**
 * `npm run postgres:failover -- --address-file FILE`: makes the standby the primary once the primary is lost
 * (docs/records.md). FILE holds the address of all servers, with a login that may call pg_promote:
 * postgres://admin:password@one:5432,two:5432/headgate.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { serversOf } from '@headgate/stores/postgres/database';
import { Client, DatabaseError } from 'pg';

const CONNECT_WITHIN_MS = 5000;
const PROMOTE_WITHIN_S = 60;

/** Nothing was changed; the message says why, and what to do instead. */
class FailoverError extends Error {}

interface Standby {
  readonly url: string;
  /** Last position received from the primary, in bytes of the log. */
  readonly receivedBytes: bigint;
}

/** Promotes the standby that received most. @throws FailoverError while a server takes writes, or no standby answers */
async function failOver(servers: readonly string[], say: (line: string) => void): Promise<void> {
  const standbys: Standby[] = [];
  for (const url of servers) {
    const state = await stateOf(url);
    say(
      `${nameOf(url)}: ${typeof state === 'string' ? state : `standby, received ${state.receivedBytes} bytes`}`,
    );
    if (state === 'primary') {
      throw new FailoverError(
        `${nameOf(url)} takes writes; stop it first, so that there are never two primaries`,
      );
    }
    if (typeof state !== 'string') standbys.push(state);
  }
  const [first, ...others] = standbys;
  if (first === undefined) throw new FailoverError('no standby answers, so there is nothing to promote');
  const best = others.reduce((a, b) => (b.receivedBytes > a.receivedBytes ? b : a), first);
  await promote(best.url);
  say(`${nameOf(best.url)}: promoted, takes writes`);
  say('Do not start the lost primary as it is: make it a standby of the new one first (docs/records.md).');
}

async function stateOf(url: string): Promise<'primary' | 'does not answer' | Standby> {
  try {
    const row = await ask(
      url,
      `SELECT pg_is_in_recovery() AS standby,
       pg_wal_lsn_diff(coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::text AS bytes`,
    );
    return row.standby === true ? { url, receivedBytes: BigInt(String(row.bytes)) } : 'primary';
  } catch (error) {
    // A server that refuses a login is alive: a wrong password must not make it look lost. 57P: it starts or ends.
    if (error instanceof DatabaseError && !error.code?.startsWith('57P')) throw error;
    return 'does not answer';
  }
}

async function promote(url: string): Promise<void> {
  const { done } = await ask(url, `SELECT pg_promote(true, ${PROMOTE_WITHIN_S}) AS done`);
  const { standby } = await ask(url, 'SELECT pg_is_in_recovery() AS standby');
  if (done !== true || standby !== false) {
    throw new FailoverError(
      `${nameOf(url)} was told to take over and did not within ${PROMOTE_WITHIN_S} s: see its log`,
    );
  }
}

/** The first row of a statement, on its own connection. */
async function ask(url: string, sql: string): Promise<Readonly<Record<string, unknown>>> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_WITHIN_MS });
  try {
    await client.connect();
    const { rows } = await client.query(sql);
    return rows[0];
  } finally {
    await client.end();
  }
}

/** The address without the login. */
function nameOf(url: string): string {
  return new URL(url).host;
}

const { values } = parseArgs({ options: { 'address-file': { type: 'string' } } });
const file = values['address-file'];
try {
  if (file === undefined)
    throw new FailoverError('--address-file: expected a file with the address of all servers');
  await failOver(serversOf(readFileSync(file, 'utf8').trim()), (line) => console.log(line));
} catch (error) {
  console.error(`failover: ${(error as Error).message}`);
  process.exitCode = 1;
}
