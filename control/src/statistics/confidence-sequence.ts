import type { Estimate } from './unit-sums.ts';

export interface SequenceOptions {
  /** Chance that the interval ever misses the truth, in (0, 1). */
  readonly alpha: number;
  /**
   * Units, of all groups together, at which the interval is narrowest against its alternatives. It must not change
   * during an experiment. With a tenth of them it is 27 % wider than it could be, with ten times as many 7 %.
   */
  readonly tunedFor?: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface DifferenceInterval extends Interval {
  /** Treatment minus control. */
  readonly difference: number;
  /** Always valid: the chance that it is ever below `a` without a difference is at most about `a`. */
  readonly pValue: number;
}

const TUNED_FOR = 5000;

/**
 * Asymptotic confidence sequence for the difference of two means: it covers the true difference at all times at once
 * with probability 1 - alpha, so it may be looked at after every unit. Valid for large samples: see MINIMUM_UNITS.
 *
 * A unit of the smaller group counts with at least the variance of one of the larger group. Groups of few units miss the
 * rare ones, such as users who always fail, and then underrate their mean and its variance together.
 */
export function differenceSequence(
  control: Estimate,
  treatment: Estimate,
  options: SequenceOptions,
): DifferenceInterval {
  return sequenceOf(
    {
      difference: treatment.value - control.value,
      units: control.units + treatment.units,
      variance: varianceBeside(control, treatment) + varianceBeside(treatment, control),
    },
    options,
  );
}

/** The part of an interval that the difference of two shares can have. The truth lies there, so it covers as often. */
export function ofShares({ low, high }: Interval): Interval {
  return { low: Math.max(-1, low), high: Math.min(1, high) };
}

function varianceBeside(one: Estimate, other: Estimate): number {
  if (one.effectiveUnits > other.effectiveUnits) return one.variance;
  return Math.max(one.variance, (other.variance * other.effectiveUnits) / one.effectiveUnits);
}

/**
 * The sequence itself. Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, "Time-uniform central limit theory and
 * asymptotic confidence sequences" (arXiv 2103.06476), equation 9; the p-value is equation 155.
 *
 * @param of.units of all groups together
 * @param of.variance of the difference
 */
export function sequenceOf(
  of: { readonly difference: number; readonly units: number; readonly variance: number },
  options: SequenceOptions,
): DifferenceInterval {
  const { difference, units, variance } = of;
  const { half, information } = halfWidth(units, variance, options);
  const logP =
    Math.log1p(information) / 2 - (difference ** 2 * information) / (2 * variance * (information + 1));
  return {
    difference,
    low: difference - half,
    high: difference + half,
    pValue: Math.min(1, Math.exp(logP)),
  };
}

/** `information` is N·ρ² of the paper. */
function halfWidth(units: number, variance: number, { alpha, tunedFor = TUNED_FOR }: SequenceOptions) {
  const logAlpha = -2 * Math.log(alpha);
  const information = (units / tunedFor) * (logAlpha + Math.log(logAlpha + 1));
  const half = Math.sqrt(
    ((variance * (information + 1)) / information) * (Math.log1p(information) + logAlpha),
  );
  return { half, information };
}
