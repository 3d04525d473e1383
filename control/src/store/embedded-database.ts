import { setFlagsFromString } from 'node:v8';
import { PGlite } from '@electric-sql/pglite';
import type { Queryable } from '@headgate/stores/postgres/database';

export interface EmbeddedDatabase extends Queryable {
  close(): Promise<void>;
}

/**
 * WebAssembly is compiled once and not optimised: inserts take a third more CPU, but the start takes half, and 60 MB
 * less stay in memory. Control is idle most of the time.
 */
const WASM_FLAGS = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];
/** PostgreSQL's own 128 MB are all touched, whatever the size of the tables. */
const START_PARAMS = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB'];

/**
 * PostgreSQL inside this process, for one process at a time. The first statement opens it, which takes half a second
 * of a core, and more in an empty folder; what failed to open is tried again by the next one.
 *
 * @param dir undefined: in memory
 */
export function embeddedDatabase(dir?: string): EmbeddedDatabase {
  let opened: Promise<PGlite> | undefined;
  const open = (): Promise<PGlite> => {
    opened ??= create(dir).catch((error) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return {
    query: async (sql, values) => (await open()).query(sql, [...values]),
    script: async (sql) => void (await (await open()).exec(sql)),
    close: async () => (await opened)?.close(),
  };
}

async function create(dir: string | undefined): Promise<PGlite> {
  for (const flag of WASM_FLAGS) setFlagsFromString(flag);
  return PGlite.create({ startParams: START_PARAMS, ...(dir !== undefined && { dataDir: dir }) });
}
