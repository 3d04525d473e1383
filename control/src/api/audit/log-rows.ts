import { join } from 'node:path';
import type { AuditRow } from '@headgate/contracts/admin/api';
import { unlink } from '@headgate/journal/audit/chain';
import { lastHeadIn } from '@headgate/journal/audit/heads';
import { readLog, writersIn } from '../../audit/read-log.ts';
import { rowOf } from './rows.ts';

export interface LogRowsOptions {
  /** Holds a directory a writer. */
  readonly dir: string;
  readonly headsFile: string;
  /** Monotonic time in ms. */
  readonly nowMs: () => number;
}

/** Records before the last head of each log: the store has those, or is a good minute behind. */
const BEFORE_HEAD = 1000;
const MAX_AGE_MS = 1000;

/** The newest rows of the logs on this machine, some of which the store does not have yet; read at most once a second. */
export function logRows({ dir, headsFile, nowMs }: LogRowsOptions): () => Promise<readonly AuditRow[]> {
  let known: { readonly atMs: number; readonly rows: Promise<readonly AuditRow[]> } | undefined;
  const ofWriter = async (writer: string): Promise<readonly AuditRow[]> => {
    const head = await lastHeadIn(headsFile, writer);
    const after = Math.max(0, (head?.seq ?? 0) - BEFORE_HEAD);
    const rows: AuditRow[] = [];
    for await (const bytes of readLog(join(dir, writer), after)) {
      const { record } = unlink(bytes) ?? {};
      const row = record && record.seq > after ? rowOf(record) : undefined;
      if (row) rows.push(row);
    }
    return rows;
  };
  const read = async () => (await Promise.all((await writersIn(dir)).map(ofWriter))).flat();
  return () => {
    if (known === undefined || nowMs() - known.atMs >= MAX_AGE_MS) {
      // A log that cannot be read, or is trimmed in this moment, is in the store.
      known = { atMs: nowMs(), rows: read().catch(() => []) };
    }
    return known.rows;
  };
}
