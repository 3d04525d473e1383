import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { which } from '../../../scripts/setup/python.ts';

/** Debian's folder of PostgreSQL servers, with a folder per major version; not on PATH. */
const DEBIAN_POSTGRES = '/usr/lib/postgresql';

/** Absolute paths of the programs of the two services; undefined when not installed. */
export interface Binaries {
  readonly redisServer: string | undefined;
  /** Folder with postgres, initdb, pg_ctl, pg_basebackup and psql, of the newest version that is installed. */
  readonly postgresDir: string | undefined;
}

/** Searches PATH, and for PostgreSQL also Debian's folder. */
export function findBinaries(path = process.env.PATH ?? '', debianPostgres = DEBIAN_POSTGRES): Binaries {
  const onPath = path.split(delimiter).filter((dir) => dir !== '');
  const postgres = [...newestFirst(debianPostgres), ...onPath];
  return {
    redisServer: which('redis-server', path),
    postgresDir: postgres.find((dir) => POSTGRES_PROGRAMS.every((name) => existsSync(join(dir, name)))),
  };
}

/** Absolute path of Chromium, for tests in a browser; undefined when not installed. */
export function findChromium(path = process.env.PATH ?? ''): string | undefined {
  return CHROMIUM.map((name) => which(name, path)).find((file) => file !== undefined);
}

/** Debian packages of the missing programs. */
export function missingPackages({ redisServer, postgresDir }: Binaries): string[] {
  return [
    ...(redisServer === undefined ? ['redis-server'] : []),
    ...(postgresDir === undefined ? ['postgresql'] : []),
  ];
}

/** Debian's name first; the others are what people have on their machines. */
const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

const POSTGRES_PROGRAMS = ['postgres', 'initdb', 'pg_ctl', 'pg_basebackup', 'psql'];

function newestFirst(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((version) => /^\d+$/.test(version))
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'));
}
