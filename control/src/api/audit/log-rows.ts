import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditRow } from '@headgate/contracts/admin/api';
import { unlink } from '@headgate/journal/audit/chain';
import { lastHeadIn } from '@headgate/journal/audit/heads';
import { storedUpTo } from '@headgate/journal/audit/trim';
import type { Clock } from '@headgate/runtime/clock';
import { readLog, writersIn } from '../../audit/read-log.ts';
import { rowOf } from './rows.ts';

export interface LogRowsOptions {
  /** Holds a directory a writer. */
  readonly dir: string;
  readonly headsFile: string;
  readonly clock: Clock;
  /** Records before the last head of a log that are read at most. */
  readonly most?: number;
}

export interface LogRows {
  readonly rows: readonly AuditRow[];
  /** Before this moment there are records that neither the rows nor the store have; undefined where there are none. */
  readonly lacksBeforeMs: number | undefined;
}

const MAX_AGE_MS = 1000;
/** The store has all of a log without a write in that time; a machine for tests has hundreds of such logs. */
const RECENT_MS = 3_600_000;

/** What the logs on this machine have and the store does not have yet; read at most once a second. */
export function logRows({ dir, headsFile, clock, most = 20_000 }: LogRowsOptions): () => Promise<LogRows> {
  let known: { readonly atMs: number; readonly logs: Promise<LogRows> } | undefined;
  const ofWriter = async (writer: string): Promise<LogRows> => {
    if (clock.epochMs() - (await changedAtMs(join(dir, writer))) > RECENT_MS) return NOTHING;
    const head = await lastHeadIn(headsFile, writer);
    const stored = await storedUpTo(join(dir, writer));
    const after = Math.max(stored, (head?.seq ?? 0) - most);
    const rows: AuditRow[] = [];
    let firstMs: number | undefined;
    for await (const bytes of readLog(join(dir, writer), after)) {
      const { record } = unlink(bytes) ?? {};
      if (!record || record.seq <= after) continue;
      firstMs ??= record.at_ms;
      const row = rowOf(record);
      if (row) rows.push(row);
    }
    return { rows, lacksBeforeMs: after > stored ? firstMs : undefined };
  };
  // A log that cannot be read, or is trimmed in this moment, is in the store.
  const readable = (writer: string) => ofWriter(writer).catch(() => NOTHING);
  const read = async () => together(await Promise.all((await writersIn(dir)).map(readable)));
  return () => {
    if (known === undefined || clock.monotonicMs() - known.atMs >= MAX_AGE_MS) {
      // There may be no folder yet.
      known = { atMs: clock.monotonicMs(), logs: read().catch(() => NOTHING) };
    }
    return known.logs;
  };
}

const NOTHING: LogRows = { rows: [], lacksBeforeMs: undefined };

function together(logs: readonly LogRows[]): LogRows {
  const lacking = logs.flatMap(({ lacksBeforeMs }) => lacksBeforeMs ?? []);
  return {
    rows: logs.flatMap(({ rows }) => rows),
    lacksBeforeMs: lacking.length > 0 ? Math.max(...lacking) : undefined,
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
