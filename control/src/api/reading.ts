import type { ReadRecords } from '../store/read-records.ts';
import type { ApiContext } from './api-env.ts';

/** Reads the store for one request: begins no further statement once the caller has left or the time is over. */
export function reading(c: ApiContext, readRecords: ReadRecords): ReadRecords {
  return (ask) =>
    readRecords((db) =>
      ask({
        query: async (sql, values) => {
          c.get('signal')?.throwIfAborted();
          return db.query(sql, values);
        },
        script: (sql) => db.script(sql),
      }),
    );
}
