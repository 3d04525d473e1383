import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openPostgres, type PostgresDatabase } from '@headgate/stores/postgres/database';
import { NO_SECRET } from '@headgate/testkit/config';
import { ROOT } from '@headgate/testkit/root';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';

let postgres: TestPostgres;
let db: PostgresDatabase;

beforeAll(async () => {
  postgres = await startPostgresCluster();
  db = await openPostgres({ url: postgres.url, timeoutMs: 20_000 });
});
afterAll(async () => {
  await db?.close();
  await postgres?.close();
});

const migrate = (url: string) =>
  promisify(execFile)(process.execPath, [join(ROOT, 'control/src/migrate.ts')], {
    cwd: ROOT,
    env: {
      HEADGATE_ROOT: ROOT,
      ...NO_SECRET,
      HEADGATE_RECORDS__SINK: 'postgres',
      HEADGATE_RECORDS__POSTGRES_URL: url,
      HEADGATE_AUDIT__STORE: 'postgres',
      HEADGATE_AUDIT__POSTGRES_URL: url,
      HEADGATE_DEPENDENCIES__DATABASE__TIMEOUT_MS: '2000',
    },
  });

/** Every table and when each migration ran. */
async function layout() {
  const tables = `SELECT schemaname || '.' || tablename AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`;
  const { rows } = await db.query(tables, []);
  const ran = await db.query('SELECT number, at FROM headgate_migrations ORDER BY 1', []);
  return { tables: rows.map((row) => (row as { name: string }).name), ran: ran.rows };
}

it('lays out an empty database once', async () => {
  await migrate(postgres.url);
  const first = await layout();
  expect(first.tables).toEqual(
    expect.arrayContaining(['audit.records', 'audit.heads', 'public.predictions']),
  );
  await migrate(postgres.url);
  expect(await layout()).toEqual(first);
});

it('waits for a database that does not answer yet', async () => {
  await postgres.primary.stop();
  const migrated = migrate(postgres.url);
  await postgres.primary.start();
  await migrated;
});

it('fails where the database refuses it, and does not say its password', async () => {
  const url = postgres.url.replace(/:[^:@]+@/, ':hidden-word@');
  const failed = await migrate(url).catch((error) => error);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('the database cannot be migrated');
  expect(failed.stderr).not.toContain('hidden-word');
});
