import type { LiveVariant } from '@headgate/contracts/admin/api';
import { type Clock, DAY_MS } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import { wilsonInterval } from '../../statistics/binomial-interval.ts';

export type Observed = LiveVariant['observed'];

/** Units of an experiment by the variant that they are assigned to. */
const UNITS = `
  SELECT assigned_variant AS variant, count(DISTINCT unit)::int AS units FROM predictions
  WHERE at >= $1 AND model = $2 AND experiment = $3 AND assigned_variant IS NOT NULL
  GROUP BY assigned_variant`;

/** It reads every record of that time; a day of a busy service has millions. */
const MAX_AGE_MS = 10_000;
/** It is read again after ten times as long as it took: deliveries wait meanwhile in the embedded database. */
const SHARE = 10;
const LOOK_BACK_MS = DAY_MS;

export interface ObservedOptions {
  /** Where the records are; undefined where they go nowhere. */
  readonly records: Queryable | undefined;
  readonly clock: Clock;
}

interface Known {
  /** From then on it is read again; monotonic time in ms. */
  readonly untilMs: number;
  readonly units: ReadonlyMap<string, number>;
}

/**
 * Shares of the units as they were recorded. A look answers at once with what is known, and reads the store behind it:
 * the live view does not wait for a slow store.
 */
export class ObservedSplit {
  readonly #options: ObservedOptions;
  readonly #known = new Map<string, Known>();
  readonly #reading = new Set<string>();

  constructor(options: ObservedOptions) {
    this.#options = options;
  }

  /**
   * @param sinceMs when the weights were changed last: units before that were dealt by others
   * @returns null where there is none of it, or the store does not answer
   */
  of(model: string, experiment: string, sinceMs: number | null): (variant: string) => Observed {
    const key = JSON.stringify([model, experiment, sinceMs]);
    const known = this.#known.get(key);
    const isFresh = known !== undefined && this.#options.clock.monotonicMs() < known.untilMs;
    if (!isFresh && !this.#reading.has(key)) void this.#read(key, { model, experiment, sinceMs });
    const units = known?.units ?? new Map<string, number>();
    const total = [...units.values()].reduce((sum, count) => sum + count, 0);
    return (variant) => shareOf(units.get(variant) ?? 0, total);
  }

  async #read(
    key: string,
    { model, experiment, sinceMs }: { model: string; experiment: string; sinceMs: number | null },
  ): Promise<void> {
    const { records, clock } = this.#options;
    if (!records) return;
    this.#reading.add(key);
    const startedMs = clock.monotonicMs();
    let units = new Map<string, number>();
    try {
      const from = new Date(Math.max(sinceMs ?? 0, clock.epochMs() - LOOK_BACK_MS));
      const { rows } = await records.query(UNITS, [from, model, experiment]);
      units = new Map((rows as Row[]).map((row) => [row.variant, row.units]));
    } catch {
      // The page of dependencies shows a store that is away.
    }
    const endedMs = clock.monotonicMs();
    this.#forget(endedMs);
    this.#known.set(key, { untilMs: endedMs + Math.max(MAX_AGE_MS, SHARE * (endedMs - startedMs)), units });
    this.#reading.delete(key);
  }

  /** Removes what no view asked for lately. */
  #forget(nowMs: number): void {
    for (const [key, { untilMs }] of this.#known)
      if (nowMs - untilMs > 10 * MAX_AGE_MS) this.#known.delete(key);
  }
}

interface Row {
  readonly variant: string;
  readonly units: number;
}

function shareOf(units: number, total: number): Observed {
  const interval = wilsonInterval(units, total);
  if (!interval) return null;
  const { low, high } = interval;
  return { share: (100 * units) / total, low: 100 * low, high: 100 * high, units };
}
