import { type Head, unlink } from '@headgate/journal/audit/chain';
import { readLog } from '../read-log.ts';
import type { AuditStore, StoredRecord } from '../store/audit-store.ts';

export interface LogToShip {
  readonly writer: string;
  /** Log of this writer. */
  readonly dir: string;
  /** Place of the last anchored head; records after it stay where they are. */
  readonly upTo: number;
}

export interface ShippingOptions {
  readonly store: AuditStore;
  /** Most records of one statement. */
  readonly batchRecords: number;
  readonly signal: AbortSignal;
}

/** The log does not go on with what is stored: somebody changed one of them. Nothing from there on is stored. */
export class LogFaultError extends Error {
  override readonly name = 'LogFaultError';
}

/**
 * Stores what the log has beyond the store, up to its last anchored head: what is anchored is on disk, so a power cut
 * cannot take back what the store has. The store knows what it has, so nothing is stored twice or left out.
 *
 * @returns how many were stored now, and the last record that is stored; undefined when none is
 * @throws LogFaultError
 * @throws the store's error when it cannot be reached
 */
export async function shipLog(
  log: LogToShip,
  { store, batchRecords, signal }: ShippingOptions,
): Promise<{ readonly records: number; readonly last: Head | undefined }> {
  const { writer, dir, upTo } = log;
  let last: Head | undefined = await store.last(writer);
  let records = 0;
  let batch: StoredRecord[] = [];
  const flush = async () => {
    await append(store, writer, batch);
    const end = batch.at(-1);
    if (end) last = { seq: end.seq, hash: end.hash };
    records += batch.length;
    batch = [];
  };

  const from = last?.seq ?? 0;
  if (from >= upTo) return { records, last };
  let reached = from;
  // A forged file can lead the search astray: then all of the log is read.
  for (const after of [from, 0]) {
    if (signal.aborted || reached >= upTo) break;
    for await (const bytes of readLog(dir, after)) {
      if (signal.aborted || reached >= upTo) break;
      const found = unlink(bytes);
      // An unreadable record leaves a gap, which the store refuses, or an early end, which is refused below.
      if (!found || found.record.seq <= reached || found.record.seq > upTo) continue;
      const { record, hash, body } = found;
      batch.push({ seq: record.seq, atMs: record.at_ms, hash, body });
      reached = record.seq;
      if (batch.length >= batchRecords) await flush();
    }
    await flush();
  }
  if (reached < upTo && !signal.aborted) {
    throw new LogFaultError(
      `the log of ${writer} ends with record ${reached}; an anchored head says ${upTo}`,
    );
  }
  return { records, last };
}

/** Class 23 of SQLSTATE: the store refuses what does not go on with its chain. */
const INTEGRITY = '23';

/** What comes before a refused record is stored: halves find the place in few steps. */
async function append(store: AuditStore, writer: string, records: readonly StoredRecord[]): Promise<void> {
  const [first] = records;
  if (!first) return;
  try {
    await store.append(writer, records);
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code !== 'string' || !code.startsWith(INTEGRITY)) throw cause;
    if (records.length === 1) {
      throw new LogFaultError(`record ${first.seq} of ${writer} does not go on with what is stored`, {
        cause,
      });
    }
    const middle = records.length >> 1;
    await append(store, writer, records.slice(0, middle));
    await append(store, writer, records.slice(middle));
  }
}
