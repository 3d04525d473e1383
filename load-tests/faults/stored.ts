import type { TestPostgres } from '@headgate/testkit/services/postgres';
import { embeddedDatabase } from '../../control/src/store/embedded-database.ts';

const ALL_IDS = 'SELECT DISTINCT id::text AS id FROM predictions';

/** Ids of all predictions in a store: PostgreSQL, or the folder of control's database, which no other process may have open. */
export async function storedIds(
  store: { readonly postgres: TestPostgres } | { readonly dir: string },
): Promise<ReadonlySet<string>> {
  if ('postgres' in store) return new Set((await store.postgres.primary.sql(ALL_IDS)).trim().split('\n'));
  const db = embeddedDatabase(store.dir);
  const { rows } = await db.query(ALL_IDS, []);
  await db.close();
  return new Set((rows as { id: string }[]).map(({ id }) => id));
}
