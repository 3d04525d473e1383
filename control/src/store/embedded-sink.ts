import type { RecordSink } from '@headgate/contracts/records/sink';
import { sqlSink } from '@headgate/contracts/records/sql-sink';
import type { LazyDatabase } from './embedded-database.ts';

/** Keeps records in the database of this process; the first delivery opens it. */
export function embeddedSink(database: LazyDatabase, retentionDays: number): Pick<RecordSink, 'deliver'> {
  let sink: Pick<RecordSink, 'deliver'> | undefined;
  return {
    async deliver(records, signal) {
      sink ??= sqlSink({ db: await database.get(), retentionDays, now: () => Date.now() });
      await sink.deliver(records, signal);
    },
  };
}
