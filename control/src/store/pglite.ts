import { PGlite } from '@electric-sql/pglite';
import type { Queryable } from '@headgate/stores/records/database';

export interface EmbeddedDatabase extends Queryable {
  close(): Promise<void>;
}

/** PostgreSQL inside this process, for one process at a time. @param dir undefined = in memory */
export async function openPglite(dir?: string): Promise<EmbeddedDatabase> {
  const pg = await (dir === undefined ? PGlite.create() : PGlite.create(dir));
  return {
    query: (sql, values) => pg.query(sql, [...values]),
    script: async (sql) => void (await pg.exec(sql)),
    close: () => pg.close(),
  };
}
