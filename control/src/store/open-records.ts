import type { Config } from '@headgate/contracts/config/schema';
import { POLICIES } from '@headgate/runtime/resilience/policies';
import { createPolicy } from '@headgate/runtime/resilience/policy';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import { concernsServer, guarded, openPostgres, type Queryable } from '@headgate/stores/postgres/database';

/** A report of an experiment with millions of records takes longer than a delivery may. */
const TIMEOUT_MS = 60_000;

export interface Records {
  /** Undefined where records are kept nowhere. */
  readonly db: Queryable | undefined;
  /** Waits for no report that runs: it ends with the process. */
  close(): void;
}

/** The records as control reads them: in its own database, or in PostgreSQL over connections of their own. */
export async function openRecords(
  { records, dependencies }: Config,
  embedded: Queryable | undefined,
  resilience: ResilienceReport,
): Promise<Records> {
  const close = () => undefined;
  if (records.sink === 'none') return { db: undefined, close };
  if (records.sink === 'control') return { db: embedded, close };
  const postgres = await openPostgres({ url: records.postgres_url, timeoutMs: TIMEOUT_MS });
  const policy = createPolicy({
    dependency: 'database',
    config: { ...POLICIES.database, ...dependencies.database, timeout_ms: TIMEOUT_MS },
    report: resilience,
    isFailure: concernsServer,
  });
  return { db: guarded(postgres, policy), close: () => void postgres.close() };
}
