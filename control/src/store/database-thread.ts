import { setFlagsFromString } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';

/** What the thread is asked; it answers each message with its id. */
export type ToDatabase = { readonly id: number } & Statement;
export type Statement =
  | { readonly kind: 'query'; readonly sql: string; readonly values: readonly unknown[] }
  | { readonly kind: 'script'; readonly sql: string }
  | { readonly kind: 'close' };

export type FromDatabase =
  | { readonly id: number; readonly rows: readonly unknown[] }
  | { readonly id: number; readonly error: DatabaseProblem };

/** Of an error: what survives the way between threads. `code` is an SQLSTATE where PostgreSQL refused. */
export interface DatabaseProblem {
  readonly message: string;
  readonly code?: string | undefined;
  readonly severity?: string | undefined;
}

/**
 * WebAssembly is compiled once and not optimised: inserts take a third more CPU, but the start takes half, and 60 MB
 * less stay in memory. Control is idle most of the time.
 */
const WASM_FLAGS = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];
const SETTINGS = [
  // PostgreSQL's own 128 MB are all touched, whatever the size of the tables.
  'shared_buffers=16MB',
  // Nothing analyses tables here: the planner expects a few rows, and would sort a million of them to group them.
  'enable_sort=off',
  // One statement runs at a time. A row for each unit of an experiment, about 300 bytes, stays in memory up to 100,000.
  'work_mem=16MB',
];
const START_PARAMS = [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ['-c', setting])];

let opened: Promise<PGlite> | undefined;

/** What failed to open is tried again by the next statement. */
function open(): Promise<PGlite> {
  opened ??= create(workerData as string | undefined).catch((error) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function create(dir: string | undefined): Promise<PGlite> {
  for (const flag of WASM_FLAGS) setFlagsFromString(flag);
  return PGlite.create({ startParams: START_PARAMS, ...(dir !== undefined && { dataDir: dir }) });
}

async function run(statement: Statement): Promise<readonly unknown[]> {
  if (statement.kind === 'close') {
    await (await opened)?.close();
    return [];
  }
  const database = await open();
  if (statement.kind === 'query') return (await database.query(statement.sql, [...statement.values])).rows;
  await database.exec(statement.sql);
  return [];
}

parentPort?.on('message', ({ id, ...statement }: ToDatabase) => {
  void run(statement)
    .then((rows) => reply({ id, rows }))
    .catch((error) => reply({ id, error: problemOf(error) }));
});

const reply = (message: FromDatabase) => parentPort?.postMessage(message);

function problemOf(error: unknown): DatabaseProblem {
  const { message = String(error), code, severity } = error as Partial<DatabaseProblem>;
  return { message, code, severity };
}
