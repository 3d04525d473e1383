import { type ExecFileException, execFile } from 'node:child_process';
import { join } from 'node:path';
import { createDaemon, type Daemon } from './daemon.ts';
import type { User } from './user.ts';

/** One PostgreSQL server. Its user and its database are both named headgate. */
export interface PostgresServer extends Daemon {
  /** With its password. */
  readonly url: string;
  readonly dataDir: string;
  /** Runs SQL with psql. @returns its rows, unaligned @throws Error with PostgreSQL's message */
  sql(text: string): Promise<string>;
  /** Promotes a standby; resolves when it accepts writes. */
  promote(): Promise<void>;
}

/** Programs, user and folder of the servers. */
export interface PostgresHome {
  readonly binDir: string;
  readonly user: User;
  /** Folder of the servers' data and logs. */
  readonly root: string;
  readonly password: string;
}

export const OWNER = 'headgate';

const COMMAND_WITHIN_MS = 60_000;

/** A server on existing data, not started yet. */
export function postgresServer(home: PostgresHome, name: string, port: number): PostgresServer {
  const dataDir = join(home.root, name);
  const url = `postgres://${OWNER}:${home.password}@127.0.0.1:${port}/${OWNER}`;
  const psql = (database: string, text: string) =>
    runProgram(home, 'psql', ['-d', url.replace(/\w+$/, database), '-XAtqv', 'ON_ERROR_STOP=1', '-c', text]);
  const daemon = createDaemon({
    command: join(home.binDir, 'postgres'),
    args: ['-D', dataDir, '-p', String(port)],
    cwd: home.root,
    user: home.user,
    port,
    logFile: join(home.root, `${name}.log`),
    // "Fast" shutdown: ends sessions, writes all data.
    stopSignal: 'SIGINT',
    // A database that always exists.
    isReady: () =>
      psql('postgres', 'SELECT 1').then(
        () => true,
        () => false,
      ),
  });
  return {
    ...daemon,
    url,
    dataDir,
    sql: (text) => psql(OWNER, text),
    async promote() {
      await runProgram(home, 'pg_ctl', ['promote', '-w', '-D', dataDir]);
    },
  };
}

/** Runs one of PostgreSQL's programs to its end. @throws Error with its message */
export function runProgram(home: PostgresHome, name: string, args: readonly string[]): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: home.root };
  const options = { cwd: home.root, env, timeout: COMMAND_WITHIN_MS, ...home.user };
  return new Promise((resolve, reject) => {
    const done = (error: ExecFileException | null, stdout: string, stderr: string) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${name} failed (${error.code ?? error.signal}): ${stderr.trim()}`));
    };
    execFile(join(home.binDir, name), args, options, done);
  });
}
