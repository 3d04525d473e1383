import type { Verdict } from '@headgate/contracts/admin/api';
import type { Interval } from './confidence-sequence.ts';

/** Effective units of each group before an asymptotic interval is believed: docs/statistics.md has the simulation. */
export const MINIMUM_UNITS = 100;

export interface VerdictInput {
  /** Of treatment minus control; undefined before there is one. */
  readonly interval: Interval | undefined;
  readonly higherIsBetter: boolean;
  /** Effective units of the smaller group. */
  readonly units: number;
  readonly minimumUnits?: number;
}

/**
 * What an interval says of a treatment. `not_enough_data` without an interval, with numbers that are not finite, or below
 * the minimum.
 */
export function verdictOf({
  interval,
  higherIsBetter,
  units,
  minimumUnits = MINIMUM_UNITS,
}: VerdictInput): Verdict {
  if (interval === undefined || !(units >= minimumUnits)) return 'not_enough_data';
  const { low, high } = interval;
  if (!Number.isFinite(low) || !Number.isFinite(high)) return 'not_enough_data';
  if (low > 0) return higherIsBetter ? 'better' : 'worse';
  if (high < 0) return higherIsBetter ? 'worse' : 'better';
  return 'no_difference_yet';
}
