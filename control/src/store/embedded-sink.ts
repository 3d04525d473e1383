import type { RecordSink } from '@headgate/contracts/records/sink';
import { sqlSink } from '@headgate/contracts/records/sql-sink';
import { openPglite } from './pglite.ts';

/**
 * A database in a directory, for this process alone. It is opened by the first delivery: starting it takes more than
 * a second of a core, which a start of the service has better use for.
 */
export function embeddedSink(dir: string, retentionDays: number): RecordSink {
  const open = async () => {
    const db = await openPglite(dir);
    return { db, ...sqlSink({ db, retentionDays, now: () => Date.now() }) };
  };
  let opened: ReturnType<typeof open> | undefined;
  return {
    async deliver(records, signal) {
      opened ??= open();
      // What failed to open is tried again by the next delivery.
      const store = await opened.catch((error) => {
        opened = undefined;
        throw error;
      });
      await store.deliver(records, signal);
    },
    async close() {
      await (await opened)?.db.close();
    },
  };
}
