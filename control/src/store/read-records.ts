import { isMissingTable, type Queryable } from '@headgate/stores/postgres/database';
import { migrate } from '@headgate/stores/records/migrations';
import { AdminError } from '../api/api-env.ts';

/**
 * Asks the store of records.
 *
 * @throws AdminError store_unavailable when there is none, or it does not answer
 */
export type ReadRecords = <T>(ask: (db: Queryable) => Promise<T>) => Promise<T>;

const NOWHERE =
  'Records are kept nowhere: set records.sink to control or postgres, and restart control and the gateways.';
const AWAY =
  'The store of records does not answer. Predictions go on and their records wait; `headgate doctor` tells more.';

/** The first question makes the tables, where no delivery has made them. @param db undefined: there is no store */
export function readRecords(db: Queryable | undefined): ReadRecords {
  let migrated = false;
  return async (ask) => {
    if (!db) throw new AdminError('store_unavailable', NOWHERE);
    try {
      if (!migrated) await migrate(db);
      migrated = true;
      return await ask(db);
    } catch (cause) {
      if (cause instanceof AdminError) throw cause;
      // The database was replaced by an empty one.
      if (isMissingTable(cause)) migrated = false;
      throw new AdminError('store_unavailable', AWAY, { cause });
    }
  };
}
