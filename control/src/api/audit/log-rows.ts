import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditRow } from '@headgate/contracts/admin/api';
import { unlink } from '@headgate/journal/audit/chain';
import { lastHeadIn } from '@headgate/journal/audit/heads';
import type { Clock } from '@headgate/runtime/clock';
import { readLog, writersIn } from '../../audit/read-log.ts';
import { rowOf } from './rows.ts';

export interface LogRowsOptions {
  /** Holds a directory a writer. */
  readonly dir: string;
  readonly headsFile: string;
  readonly clock: Clock;
}

/** Records before the last head of each log: the store has those, or is a good minute behind. */
const BEFORE_HEAD = 1000;
const MAX_AGE_MS = 1000;
/** The store has all of a log without a write in that time; a machine for tests has hundreds of such logs. */
const RECENT_MS = 3_600_000;

/** The newest rows of the logs on this machine, some of which the store does not have yet; read at most once a second. */
export function logRows({ dir, headsFile, clock }: LogRowsOptions): () => Promise<readonly AuditRow[]> {
  let known: { readonly atMs: number; readonly rows: Promise<readonly AuditRow[]> } | undefined;
  const ofWriter = async (writer: string): Promise<readonly AuditRow[]> => {
    if (clock.epochMs() - (await changedAtMs(join(dir, writer))) > RECENT_MS) return [];
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
  // A log that cannot be read, or is trimmed in this moment, is in the store.
  const readable = (writer: string) => ofWriter(writer).catch(() => []);
  const read = async () => (await Promise.all((await writersIn(dir)).map(readable))).flat();
  return () => {
    if (known === undefined || clock.monotonicMs() - known.atMs >= MAX_AGE_MS) {
      // There may be no folder yet.
      known = { atMs: clock.monotonicMs(), rows: read().catch(() => []) };
    }
    return known.rows;
  };
}

/** Of the newest file of a log; 0 where it has none. */
async function changedAtMs(dir: string): Promise<number> {
  const newest = (await readdir(dir))
    .filter((name) => name.endsWith('.log'))
    .sort()
    .at(-1);
  return newest === undefined ? 0 : (await stat(join(dir, newest))).mtimeMs;
}
