import { DAY_MS } from '@headgate/runtime/clock';
import type { Queryable } from '../postgres/database.ts';

const TABLES = ['predictions', 'outcomes', 'shadows'] as const;

/**
 * Keeps one partition a day, and forgets old ones.
 *
 * @param retentionDays records older than that are removed; newer days than tomorrow get no partition either
 */
export function createPartitions(db: Queryable, retentionDays: number) {
  const known = new Set<number>();

  const create = async (day: number) => {
    const [from, to] = [dateOf(day), dateOf(day + 1)];
    for (const table of TABLES) {
      // DDL takes no parameters; the names and times are made from a number.
      // nosemgrep: sql-is-not-put-together
      const sql = `CREATE TABLE IF NOT EXISTS ${partitionOf(table, day)} PARTITION OF ${table} FOR VALUES FROM ('${from}Z') TO ('${to}Z')`;
      await db.script(sql).catch(unlessDefaultHasRows);
    }
    known.add(day);
  };

  return {
    /** Makes the partitions of these times, where they are missing and near to now. */
    async ensure(timesMs: readonly number[], nowMs: number): Promise<void> {
      const today = dayOf(nowMs);
      const near = (day: number) => day <= today + 1 && day >= today - retentionDays;
      const days = new Set(timesMs.map(dayOf));
      for (const day of days) if (near(day) && !known.has(day)) await create(day);
    },
    /** Removes every partition whose last moment is older than the retention. @returns their names */
    async expire(nowMs: number): Promise<readonly string[]> {
      const oldest = dayOf(nowMs) - retentionDays;
      const { rows } = await db.query(
        `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY($1)`,
        [TABLES],
      );
      const old = (rows as readonly { name: string }[])
        .map(({ name }) => name)
        .filter((name) => dayOfPartition(name) < oldest);
      // DDL takes no parameters; the name is one of ours, to the letter.
      // nosemgrep: sql-is-not-put-together
      for (const name of old) await db.script(`DROP TABLE IF EXISTS ${name}`);
      const before = new Date(oldest * DAY_MS);
      await db.query('DELETE FROM predictions_other WHERE at < $1', [before]);
      await db.query('DELETE FROM outcomes_other WHERE predicted_at < $1', [before]);
      await db.query('DELETE FROM shadows_other WHERE at < $1', [before]);
      for (const day of known) if (day < oldest) known.delete(day);
      return old;
    },
  };
}

const dayOf = (ms: number) => Math.floor(ms / DAY_MS);
const dateOf = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 19);
const partitionOf = (table: string, day: number) =>
  `${table}_${dateOf(day).slice(0, 10).replaceAll('-', '')}`;

/** Infinity for the default partition, which is no day's, and for what is none of ours. */
function dayOfPartition(name: string): number {
  const [, year, month, date] = /^(?:predictions|outcomes|shadows)_(\d{4})(\d{2})(\d{2})$/.exec(name) ?? [];
  if (year === undefined) return Number.POSITIVE_INFINITY;
  return dayOf(Date.parse(`${year}-${month}-${date}T00:00:00Z`));
}

/** Rows of that day lie in the default partition already, from a clock that was wrong: so may the others. */
function unlessDefaultHasRows(error: unknown): void {
  if ((error as { code?: unknown }).code !== '23514') throw error;
}
