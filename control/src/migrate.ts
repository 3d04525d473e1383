import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { concernsServer, openPostgres } from '@headgate/stores/postgres/database';
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

/** A pod may be refused for seconds after its start: the network policy learns its address late. */
const REACHED_WITHIN_MS = 20_000;
const RETRY_MS = 500;

type Database = Awaited<ReturnType<typeof openPostgres>>;

async function on(url: string, timeoutMs: number, act: (db: Database) => Promise<unknown>): Promise<void> {
  const db = await openPostgres({ url, timeoutMs });
  const endsAtMs = performance.now() + REACHED_WITHIN_MS;
  const untilReached = (): Promise<unknown> =>
    act(db).catch(async (error: unknown) => {
      if (!concernsServer(error) || performance.now() > endsAtMs) throw error;
      await sleep(RETRY_MS);
      return untilReached();
    });
  await untilReached().finally(() => db.close());
}

main(process.env).then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`the database cannot be migrated: ${error.message}\n`);
    process.exit(error instanceof ConfigError ? 2 : 1);
  },
);
