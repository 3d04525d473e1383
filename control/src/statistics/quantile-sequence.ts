import type { Interval } from './confidence-sequence.ts';
import { concentrationFor, logMixture } from './mixture.ts';

/** Values at which the interval is narrowest against its alternatives. */
const TUNED_FOR = 1000;

export interface QuantileInterval extends Interval {
  /** Quantile of the sample by the nearest-rank method. */
  readonly value: number;
}

/**
 * Confidence sequence for a quantile: it covers the quantile at all times at once with probability 1 - alpha, for any
 * distribution, ties included. Howard & Ramdas 2022, "Sequential estimation of quantiles with applications to A/B testing
 * and best-arm identification", section 2, with the beta-binomial mixture.
 *
 * @param sorted independent values, ascending: one for each unit, ever, because those of one unit are alike
 * @param p in (0, 1): 0.95 for p95
 * @returns undefined while the sample is too small for two finite limits: see valuesForQuantile
 */
export function quantileSequence(
  sorted: readonly number[],
  p: number,
  alpha: number,
): QuantileInterval | undefined {
  const n = sorted.length;
  const refuted = (rank: number) => isRefuted(rank, n, p, alpha);
  const middle = Math.round(n * p);
  const lowest = firstRank(0, middle, (rank) => !refuted(rank));
  const beyond = firstRank(middle, n + 1, refuted);
  const low = sorted[lowest - 1];
  const value = sorted[Math.max(0, Math.ceil(n * p) - 1)];
  const high = sorted[beyond - 1];
  if (low === undefined || value === undefined || high === undefined) return undefined;
  return { low, value, high };
}

/** Of n values, the number below or at the quantile is binomial: the interval has the ranks that are not refuted. */
function isRefuted(rank: number, n: number, p: number, alpha: number): boolean {
  return logMixture([rank, n - rank], [p, 1 - p], concentrationFor(TUNED_FOR, alpha)) >= -Math.log(alpha);
}

/** Fewest values of each group from which on `quantileDifference` has an interval, for p of 0.5 and more. */
export function valuesForQuantile(p: number, alpha: number): number {
  return firstRank(1, 100_000, (n) => isRefuted(n, n, p, alpha / 2));
}

/**
 * The part of alpha that an epoch may spend. The sequence of a quantile starts again with each epoch, so the chances of
 * all epochs have to add up to alpha, however many there will be.
 *
 * @param epoch from 1
 */
export function alphaOfEpoch(alpha: number, epoch: number): number {
  return alpha / (epoch * (epoch + 1));
}

export interface QuantileDifference extends Interval {
  /** Treatment minus control. */
  readonly difference: number;
}

/**
 * Confidence sequence for the difference of a quantile between two groups: each gets an interval with half of alpha, and
 * the difference is between their extremes. It excludes 0 exactly when the two intervals do not overlap. Conservative.
 *
 * @returns undefined while either group has no interval
 */
export function quantileDifference(
  control: readonly number[],
  treatment: readonly number[],
  p: number,
  alpha: number,
): QuantileDifference | undefined {
  const a = quantileSequence(control, p, alpha / 2);
  const b = quantileSequence(treatment, p, alpha / 2);
  if (a === undefined || b === undefined) return undefined;
  return { difference: b.value - a.value, low: b.low - a.high, high: b.high - a.low };
}

/** First rank from `from` to below `to` for which `holds`, which never stops to hold; `to` when there is none. */
function firstRank(from: number, to: number, holds: (rank: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
