import { DAY_MS, type TimerClock } from '@headgate/runtime/clock';
import type { ReadRecords } from '../store/read-records.ts';

/** Those that weights assign; a caller who names a version stays with it. */
const UNITS = `
  SELECT count(DISTINCT unit)::int AS units FROM predictions
  WHERE at >= $1 AND model = $2 AND assigned_variant IS NOT NULL`;

/** A preview is asked for while a slider moves; the count reads every record of a day. */
const MAX_AGE_MS = 60_000;
/** A preview does not wait longer. */
const WAIT_MS = 1000;

interface Known {
  readonly atMs: number;
  readonly units: Promise<number | null>;
}

/** Counts the units of a model in the last 24 hours. */
export class RecentUnits {
  readonly #readRecords: ReadRecords;
  readonly #clock: TimerClock;
  readonly #known = new Map<string, Known>();

  constructor(readRecords: ReadRecords, clock: TimerClock) {
    this.#readRecords = readRecords;
    this.#clock = clock;
  }

  /** @returns null while the store is away, or counts for over a second: a later call gets that count */
  async of(model: string): Promise<number | null> {
    const known = this.#known.get(model);
    const isFresh = known && this.#clock.monotonicMs() - known.atMs < MAX_AGE_MS;
    const units = isFresh ? known.units : this.#count(model);
    const { promise: late, resolve } = Promise.withResolvers<null>();
    const cancel = this.#clock.after(WAIT_MS, () => resolve(null));
    return Promise.race([units, late]).finally(cancel);
  }

  #count(model: string): Promise<number | null> {
    const from = new Date(this.#clock.epochMs() - DAY_MS);
    const units = this.#readRecords(async (db) => {
      const { rows } = await db.query(UNITS, [from, model]);
      return (rows as { units: number }[])[0]?.units ?? 0;
    }).catch(() => {
      this.#known.delete(model);
      return null;
    });
    this.#known.set(model, { atMs: this.#clock.monotonicMs(), units });
    return units;
  }
}
