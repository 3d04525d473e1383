import { resolve } from 'node:path';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { openPostgres } from '@headgate/stores/postgres/database';
import { migrate } from '@headgate/stores/records/migrations';
import { layOut } from './audit/store/layout.ts';

/**
 * Brings PostgreSQL to this version's tables before the parts that write to them: the records', and those of audit
 * records. Without it the first write does so. A second run changes nothing.
 */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const dir = env.HEADGATE_CONFIG_DIR ?? resolve(env.HEADGATE_ROOT ?? process.cwd(), 'config');
  const { records, audit, dependencies } = loadConfig({
    dir,
    environment: env.HEADGATE_ENV ?? 'dev',
    env,
  });
  const timeoutMs = dependencies.database.timeout_ms;
  if (records.sink === 'postgres') await on(records.postgres_url, timeoutMs, migrate);
  if (audit.store === 'postgres') await on(audit.postgres_url, timeoutMs, layOut);
  console.log('the tables are those of this version');
}

type Database = Awaited<ReturnType<typeof openPostgres>>;

async function on(url: string, timeoutMs: number, act: (db: Database) => Promise<unknown>): Promise<void> {
  const db = await openPostgres({ url, timeoutMs });
  try {
    await act(db);
  } finally {
    await db.close();
  }
}

main(process.env).then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`the database cannot be migrated: ${error.message}\n`);
    process.exit(error instanceof ConfigError ? 2 : 1);
  },
);
