import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real PostgreSQL of a test's own, on loopback, with an empty database. */
export interface Postgres {
  readonly url: string;
  /** Ends it as a crash would: no process of it does anything more. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  remove(): Promise<void>;
}

/** Where Debian keeps the programs of each version. */
const DEBIAN_DIR = '/usr/lib/postgresql';
/** Who runs it when we are root: it refuses root. Any user without rights would do. */
const USER = 'nobody';
const START_WITHIN_MS = 30_000;

/** Directory of the newest installed server, or undefined. */
export function postgresPrograms(): string | undefined {
  const versions = existsSync(DEBIAN_DIR)
    ? readdirSync(DEBIAN_DIR)
        .map(Number)
        .sort((a, b) => b - a)
    : [];
  return versions
    .map((version) => join(DEBIAN_DIR, String(version), 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
}

/** Makes and starts one. @param bin directory of its programs */
export async function startPostgres(bin: string): Promise<Postgres> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-postgres-'));
  const user = unprivileged();
  if (user) chownSync(dir, user.uid, user.gid);
  const data = join(dir, 'data');
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'headgate', '-A', 'trust', '--no-sync'], {
    ...user,
    cwd: dir,
    stdio: 'ignore',
  });
  const port = await freePort();
  let server: ChildProcess | undefined;

  const start = async () => {
    const args = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', dir];
    server = spawn(join(bin, 'postgres'), args, { ...user, cwd: dir, stdio: 'ignore' });
    const deadline = performance.now() + START_WITHIN_MS;
    while (!answers(bin, port)) {
      if (performance.now() > deadline || server.exitCode !== null)
        throw new Error('PostgreSQL did not start');
      await sleep(50);
    }
  };

  /** QUIT ends it at once without a checkpoint, children included: what comes next is a crash recovery. */
  const kill = async () => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const closed = once(server, 'close');
    server.kill('SIGQUIT');
    await closed;
  };

  await start();
  return {
    url: `postgres://headgate@127.0.0.1:${port}/postgres`,
    start,
    kill,
    async remove() {
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Undefined unless we are root. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (option: string) => Number(execFileSync('id', [option, USER], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function answers(bin: string, port: number): boolean {
  try {
    execFileSync(join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
