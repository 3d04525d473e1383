import { logMixture } from './mixture.ts';

/** Time during which the weights did not change. */
export interface WeightEpoch {
  /** Weight of each variant, in any unit; 0 for a variant that gets no units. */
  readonly weights: readonly number[];
  /** Units that came for the first time in this epoch, by variant as assigned; in the order of `weights`. */
  readonly counts: readonly number[];
}

export interface SrmTest {
  /** Units that were tested. */
  readonly units: number;
  /** May be Infinity. A mismatch once it reaches 1 / alpha. */
  readonly eValue: number;
  /** Always valid. */
  readonly pValue: number;
}

/** Narrow enough to find 2 % of a variant lost among 200,000 units, wide enough for a gross mismatch among 300. */
const CONCENTRATION = 1000;

/**
 * Sequential test for a sample ratio mismatch: whether units were assigned by the weights. Lindon & Malek 2022,
 * "Anytime-valid inference for multinomial count data", with a Dirichlet prior around the weights. Each epoch gives one
 * e-value, and their product is the e-value of the whole: counts of different weights are never added up.
 *
 * A variant without weight takes no part: its units were assigned by the table of another epoch.
 */
export function srmTest(epochs: readonly WeightEpoch[]): SrmTest {
  let units = 0;
  let logE = 0;
  for (const { weights, counts } of epochs) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const active = weights.flatMap((weight, index) =>
      weight > 0 ? [{ probability: weight / total, count: counts[index] ?? 0 }] : [],
    );
    units += active.reduce((sum, { count }) => sum + count, 0);
    const probabilities = active.map(({ probability }) => probability);
    logE += logMixture(
      active.map(({ count }) => count),
      probabilities,
      CONCENTRATION,
    );
  }
  return { units, eValue: Math.exp(logE), pValue: Math.min(1, Math.exp(-logE)) };
}
