import type { AuditRow } from '@headgate/contracts/admin/api';
import type { Queryable } from '@headgate/stores/postgres/database';
import { AdminError } from '../api-env.ts';
import { type AuditQuery, fits, newestFirst } from './rows.ts';
import { storedRows } from './stored-rows.ts';

export type AuditRows = (query: Partial<AuditQuery>) => Promise<readonly AuditRow[]>;

export interface AuditRowsOptions {
  /** Undefined where `audit.store` is none. */
  readonly store: Queryable | undefined;
  /** Newest rows that the store may not have yet. */
  readonly logs: () => Promise<readonly AuditRow[]>;
}

const MAX_LIMIT = 1000;
/** Later than anything that is recorded. */
const END_OF_TIME_MS = Date.UTC(9999, 0);

/** Audit rows, newest first: those that are stored, and those that the logs here have beside them. */
export function auditRows({ store, logs }: AuditRowsOptions): AuditRows {
  return async (asked) => {
    if (!store) throw new AdminError('not_found', NONE);
    const query = { limit: MAX_LIMIT, fromMs: 0, beforeMs: END_OF_TIME_MS, ...asked };
    const [stored, logged] = await Promise.all([fromStore(store, query), logs()]);
    const byPlace = new Map<string, AuditRow>();
    for (const row of [...stored, ...logged.filter((row) => fits(row, query))]) {
      byPlace.set(`${row.seq} ${row.writer}`, row);
    }
    return [...byPlace.values()].sort(newestFirst).slice(0, query.limit);
  };
}

const NONE =
  'No audit store (audit.store is none): the records are in the logs alone, which headgate audit verify checks.';

function fromStore(store: Queryable, query: AuditQuery): Promise<readonly AuditRow[]> {
  return storedRows(store, query).catch((cause) => {
    throw new AdminError('store_unavailable', 'The audit store does not answer; try again.', { cause });
  });
}
