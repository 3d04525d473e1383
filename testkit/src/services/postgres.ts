import { randomBytes } from 'node:crypto';
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../ports.ts';
import { findBinaries } from './binaries.ts';
import {
  OWNER,
  type PostgresHome,
  type PostgresServer,
  postgresServer,
  runProgram,
} from './postgres-server.ts';
import { serviceDir, serviceUser, writeFor } from './user.ts';

export interface TestPostgres {
  readonly primary: PostgresServer;
  /** A streaming, synchronous standby: a commit is acknowledged when both have it on disk. */
  readonly replica: PostgresServer | undefined;
  /** Of the primary. */
  readonly url: string;
  /** Copies a server into a new folder and starts the copy as its synchronous standby. */
  standbyOf(primary: PostgresServer, name: string): Promise<PostgresServer>;
  /** Ends the servers and removes their data. */
  close(): Promise<void>;
}

const STREAMING_WITHIN_MS = 30_000;
const POLL_MS = 50;

/**
 * A real PostgreSQL on free ports of the loopback interface, with SCRAM passwords and fsync as in production.
 * Close it after the tests.
 *
 * @throws Error when it is not installed or not ready in time
 */
export async function startPostgresCluster({ replica = false } = {}): Promise<TestPostgres> {
  const { postgresDir } = findBinaries();
  if (postgresDir === undefined) {
    throw new Error(
      'PostgreSQL is not installed; `npm test` as root installs it, or apt-get install postgresql',
    );
  }
  const user = serviceUser();
  const root = serviceDir('postgres', user);
  const home = { binDir: postgresDir, user, root, password: randomBytes(16).toString('hex') };
  const started: PostgresServer[] = [];
  const close = async () => {
    await Promise.all(started.map((server) => server.close()));
    rmSync(root, { recursive: true, force: true });
  };
  try {
    const primary = await startPrimary(home, started);
    const standbyOf = (source: PostgresServer, name: string) => startStandby(home, source, { name, started });
    const standby = replica ? await standbyOf(primary, 'replica') : undefined;
    return { primary, replica: standby, url: primary.url, standbyOf, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startPrimary(home: PostgresHome, started: PostgresServer[]): Promise<PostgresServer> {
  const primary = postgresServer(home, 'primary', await freePort());
  const passwordFile = join(home.root, 'password');
  writeFor(home.user, passwordFile, home.password);
  const auth = ['--username', OWNER, '--auth', 'scram-sha-256', '--pwfile', passwordFile];
  // The files of initdb need no fsync: a test can create them again.
  const place = ['-D', primary.dataDir, '-E', 'UTF8', '--locale=C', '--no-sync'];
  await runProgram(home, 'initdb', [...place, ...auth]);
  appendFileSync(join(primary.dataDir, 'postgresql.conf'), SETTINGS);
  started.push(primary);
  await primary.start();
  const maintenance = primary.url.replace(/\w+$/, 'postgres');
  await runProgram(home, 'createdb', ['--maintenance-db', maintenance, OWNER]);
  return primary;
}

async function startStandby(
  home: PostgresHome,
  primary: PostgresServer,
  { name, started }: { readonly name: string; readonly started: PostgresServer[] },
): Promise<PostgresServer> {
  const standby = postgresServer(home, name, await freePort());
  const source = `${primary.url}?application_name=${name}`;
  const copy = ['-D', standby.dataDir, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'];
  await runProgram(home, 'pg_basebackup', ['-d', source, ...copy]);
  started.push(standby);
  await standby.start();
  await primary.sql(`ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (${name})'`);
  await primary.sql('SELECT pg_reload_conf()');
  await untilSynchronous(primary);
  return standby;
}

/** Resolves when each commit on the primary waits for the standby. */
async function untilSynchronous(primary: PostgresServer): Promise<void> {
  const deadline = performance.now() + STREAMING_WITHIN_MS;
  while ((await primary.sql('SELECT sync_state FROM pg_stat_replication')).trim() !== 'sync') {
    if (performance.now() > deadline) throw new Error('the standby does not stream from the primary');
    await sleep(POLL_MS);
  }
}

const SETTINGS = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 50
shared_buffers = 16MB
wal_level = replica
max_wal_senders = 4
synchronous_commit = on
hot_standby = on
wal_retrieve_retry_interval = 500ms
log_min_messages = warning
`;
