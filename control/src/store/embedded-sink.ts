import type { RecordSink } from '@headgate/stores/records/sink';
import { type SqlSinkOptions, sqlSink } from '@headgate/stores/records/sql-sink';
import type { LazyDatabase } from './embedded-database.ts';

/** Keeps records in the database of this process; the first delivery opens it. */
export function embeddedSink(
  database: LazyDatabase,
  options: Pick<SqlSinkOptions, 'retentionDays' | 'expiryFailed'>,
): Pick<RecordSink, 'deliver'> {
  let sink: Pick<RecordSink, 'deliver'> | undefined;
  return {
    async deliver(records, signal) {
      sink ??= sqlSink({ db: await database.get(), now: () => Date.now(), ...options });
      await sink.deliver(records, signal);
    },
  };
}
