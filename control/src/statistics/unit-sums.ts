/**
 * Sums over the units of one variant, for a metric that is a ratio: of each unit, Y is the sum of its values (successes,
 * milliseconds, rewards) and X how many there are. A metric with one value per unit has X = 1. Everything that the
 * analysis needs of the units is in these sums, so a database can make them.
 */
export interface UnitSums {
  /** Units with at least one value. */
  readonly units: number;
  readonly sumX: number;
  readonly sumY: number;
  readonly sumXX: number;
  readonly sumYY: number;
  readonly sumXY: number;
}

export interface Unit {
  /** Values of the unit, at least 1. */
  readonly x: number;
  /** Their sum. */
  readonly y: number;
}

/** A mean with the uncertainty of the units behind it. */
export interface Estimate {
  readonly units: number;
  /**
   * Kish's effective number of units, (ΣX)² / ΣX²: how many units of equal size would tell as much. It is `units` when
   * all have the same X, and small when few heavy users make most of the requests.
   */
  readonly effectiveUnits: number;
  /** ΣY / ΣX, in the unit of Y / X. */
  readonly value: number;
  /** Variance of `value`, in its unit squared; positive. */
  readonly variance: number;
}

/** Sums of no unit. */
export const NO_UNITS: UnitSums = { units: 0, sumX: 0, sumY: 0, sumXX: 0, sumYY: 0, sumXY: 0 };

/** The sums with one more unit in them. */
export function addUnit(sums: UnitSums, { x, y }: Unit): UnitSums {
  return {
    units: sums.units + 1,
    sumX: sums.sumX + x,
    sumY: sums.sumY + y,
    sumXX: sums.sumXX + x * x,
    sumYY: sums.sumYY + y * y,
    sumXY: sums.sumXY + x * y,
  };
}

/**
 * Mean of a ratio metric and its variance by the delta method, the unit being the cluster: a unit with 500 requests is
 * one observation, however alike its requests are. Deng, Knoblich, Lu 2018, "Applying the Delta Method in Metric
 * Analytics", section 2.2.
 *
 * @returns undefined when there are fewer than two units, when all have the same ratio, or when a sum is not finite
 */
export function estimateMean(sums: UnitSums): Estimate | undefined {
  const { units, sumX, sumY, sumXX } = sums;
  const value = sumY / sumX;
  const variance = varianceAround(value, sums);
  // A variance of 0 is a sample that is too small, or rounding; never certainty.
  if (!(units >= 2 && variance > 0 && Number.isFinite(variance))) return undefined;
  return { units, effectiveUnits: (sumX * sumX) / sumXX, value, variance };
}

/**
 * The same for a share: Y of X succeeded, 0 <= Y <= X. The variance has two units of mean size added, one that always
 * succeeds and one that never does, because the plain variance is 0 while nothing failed, which is not certainty.
 * Agresti & Caffo 2000, "Simple and Effective Confidence Intervals for Proportions and Differences of Proportions Result
 * from Adding Two Successes and Two Failures".
 *
 * @returns undefined without a unit, or when a sum is not finite
 */
export function estimateShare(sums: UnitSums): Estimate | undefined {
  const { units, sumX, sumY, sumXX } = sums;
  if (!(units >= 1)) return undefined;
  const x = sumX / units;
  const padded = addUnit(addUnit(sums, { x, y: 0 }), { x, y: x });
  const variance = varianceAround(padded.sumY / padded.sumX, padded);
  if (!(variance > 0 && Number.isFinite(variance))) return undefined;
  return { units, effectiveUnits: (sumX * sumX) / sumXX, value: sumY / sumX, variance };
}

/** Variance of the ratio: Σ(Y - ratio·X)² / (n - 1), over n times the squared mean of X. */
function varianceAround(ratio: number, { units, sumX, sumXX, sumYY, sumXY }: UnitSums): number {
  const squares = sumYY - 2 * ratio * sumXY + ratio * ratio * sumXX;
  const meanX = sumX / units;
  return squares / (units - 1) / (units * meanX * meanX);
}
