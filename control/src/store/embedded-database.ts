import { Worker } from 'node:worker_threads';
import type { Queryable } from '@headgate/stores/postgres/database';
import type { DatabaseProblem, FromDatabase, Statement, ToDatabase } from './database-thread.ts';

export interface EmbeddedDatabase extends Queryable {
  /** For good. Ends within seconds: what still runs fails. */
  close(): Promise<void>;
}

/** Many times what control asks at once: more would be a fault. */
const MAX_WAITING = 256;
/** PostgreSQL's code for too many at once: callers may try again. */
const TOO_MANY = '53300';

/** A report may run for a minute, and control has 5 s to stop. */
const CLOSE_MS = 2000;

const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './database-thread.ts' : './database-thread.js',
  import.meta.url,
);

interface Waiting {
  resolve(rows: readonly unknown[]): void;
  reject(error: Error): void;
}

/**
 * PostgreSQL inside this process, on a thread of its own, so that no query delays a rollback (decision 0096). For one
 * process at a time. The first statement opens it, which takes half a second of a core, and more in an empty folder. A
 * thread that ended fails its statements; the next one starts another.
 *
 * @param dir undefined: in memory
 */
export function embeddedDatabase(dir?: string, entry = ENTRY): EmbeddedDatabase {
  const waiting = new Map<number, Waiting>();
  let thread: Worker | undefined;
  let isClosed = false;
  let lastId = 0;

  const ended = (cause: unknown) => {
    thread = undefined;
    for (const { reject } of waiting.values()) reject(new Error('the embedded database ended', { cause }));
    waiting.clear();
  };

  const settled = (answer: FromDatabase) => {
    const caller = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('rows' in answer) caller?.resolve(answer.rows);
    else caller?.reject(errorOf(answer.error));
  };

  const ask = (statement: Statement) =>
    new Promise<readonly unknown[]>((resolve, reject) => {
      if (isClosed) throw new Error('the embedded database is closed');
      if (waiting.size >= MAX_WAITING)
        throw errorOf({ message: 'the embedded database is busy', code: TOO_MANY });
      thread ??= startThread(entry, dir, { settled, ended });
      lastId += 1;
      // First: a message that cannot be sent throws, and leaves no entry that waits.
      thread.postMessage({ id: lastId, ...statement } satisfies ToDatabase);
      waiting.set(lastId, { resolve, reject });
    });

  return {
    query: async (sql, values) => ({ rows: await ask({ kind: 'query', sql, values }) }),
    script: async (sql) => void (await ask({ kind: 'script', sql })),
    async close() {
      const closed = thread && ask({ kind: 'close' });
      isClosed = true;
      const late = setTimeout(() => void thread?.terminate(), CLOSE_MS);
      // What a thread leaves that is terminated is as safe as after a crash.
      await closed?.catch(() => undefined);
      clearTimeout(late);
      await thread?.terminate();
    },
  };
}

interface Listeners {
  readonly settled: (answer: FromDatabase) => void;
  /** @param cause what ended it, if it did not end by itself */
  readonly ended: (cause: unknown) => void;
}

function startThread(entry: URL, dir: string | undefined, { settled, ended }: Listeners): Worker {
  const worker = new Worker(entry, { workerData: dir });
  worker.on('message', settled);
  let cause: unknown;
  worker.once('error', (error) => {
    cause = error;
  });
  worker.once('exit', () => ended(cause));
  return worker;
}

function errorOf({ message, ...rest }: DatabaseProblem): Error {
  return Object.assign(new Error(message), rest);
}
