import type { Metric, Verdict } from '@headgate/contracts/admin/api';
import type { Sums } from '@headgate/stores/records/sums';
import { differenceSequence, type Interval, ofShares } from '../statistics/confidence-sequence.ts';
import { alphaOfEpoch, quantileDifference, valuesForQuantile } from '../statistics/quantile-sequence.ts';
import { srmTest } from '../statistics/srm.ts';
import { type Estimate, estimateMean, estimateShare } from '../statistics/unit-sums.ts';
import { MINIMUM_UNITS, verdictOf } from '../statistics/verdict.ts';
import type { Gathered } from './gather.ts';
import type { Pair } from './split.ts';

/** What is known of one group. */
export interface GroupResult {
  readonly value: number | null;
  readonly units: number;
  /** Standard error of the value; null where nobody can tell it. */
  readonly error: number | null;
}

/** A treatment against the control of the same time. */
export interface ComparisonResult extends GroupResult {
  readonly variant: string;
  readonly control: GroupResult;
  readonly difference: number | null;
  /** Null below the minimum: nobody should believe it there. */
  readonly interval: Interval | null;
  readonly verdict: Verdict;
  /** Effective units of the smaller group; for p95 its latencies, one of each unit. */
  readonly enough: { readonly name: string; readonly has: number; readonly needs: number };
}

export interface MetricDefinition {
  readonly metric: Metric;
  readonly unit: 'share' | 'ms' | 'none';
  readonly higherIsBetter: boolean;
}

const DEFINITIONS: readonly MetricDefinition[] = [
  { metric: 'success_rate', unit: 'share', higherIsBetter: true },
  { metric: 'latency_ms', unit: 'ms', higherIsBetter: false },
  { metric: 'p95_ms', unit: 'ms', higherIsBetter: false },
  { metric: 'accuracy', unit: 'share', higherIsBetter: true },
  { metric: 'reward', unit: 'none', higherIsBetter: true },
];

/** Chance of a false alarm, ever. */
export const SRM_ALPHA = 0.01;

export interface MetricEvaluation {
  readonly definition: MetricDefinition;
  readonly control: GroupResult;
  readonly comparisons: readonly ComparisonResult[];
}

/**
 * Every metric of every treatment. With two treatments each gets half of alpha, because people choose the better one;
 * metrics share nothing, because each is a question of its own.
 *
 * @param level coverage of the intervals of one metric, at all times
 */
export function evaluate(gathered: Gathered, level: number): readonly MetricEvaluation[] {
  const { pairs } = gathered.split;
  const alpha = (1 - level) / Math.max(1, pairs.length);
  return DEFINITIONS.map((definition) => {
    const comparisons = pairs.map((pair) => compare(gathered, definition, pair, alpha));
    const [first] = comparisons;
    return { definition, control: first?.control ?? controlOf(gathered, definition), comparisons };
  });
}

function compare(
  gathered: Gathered,
  definition: MetricDefinition,
  pair: Pair,
  alpha: number,
): ComparisonResult {
  return definition.metric === 'p95_ms'
    ? compareQuantile(gathered, definition, pair, alpha)
    : compareMeans(gathered, definition, pair, alpha);
}

function compareMeans(
  gathered: Gathered,
  { metric, unit, higherIsBetter }: MetricDefinition,
  pair: Pair,
  alpha: number,
): ComparisonResult {
  const [control, treatment] = [pair.control, pair.treatment].map((arm) => meanOf(gathered, metric, arm));
  const sizes = [effectiveUnitsOf(control), effectiveUnitsOf(treatment)] as const;
  const enough = smallerOf(gathered, pair, sizes, MINIMUM_UNITS);
  const base = { variant: pair.variant, ...groupOf(treatment), control: groupOf(control), enough };
  if (!control?.estimate || !treatment?.estimate)
    return { ...base, ...WITHOUT_INTERVAL, verdict: lacking(base) };
  const { difference, ...sequence } = differenceSequence(control.estimate, treatment.estimate, { alpha });
  const interval = unit === 'share' ? ofShares(sequence) : sequence;
  const verdict = verdictOf({ interval, higherIsBetter, units: enough.has });
  if (verdict === 'not_enough_data') return { ...base, difference, interval: null, verdict: lacking(base) };
  return { ...base, difference, interval, verdict };
}

const WITHOUT_INTERVAL = { difference: null, interval: null };

/** Nothing was sent, or too little. */
const lacking = ({ units, control }: GroupResult & { readonly control: GroupResult }): Verdict =>
  units === 0 || control.units === 0 ? 'no_data' : 'not_enough_data';

function smallerOf(
  { split }: Gathered,
  { variant }: Pair,
  [control, treatment]: readonly [number, number],
  needs: number,
): ComparisonResult['enough'] {
  return control < treatment
    ? { name: split.epochs[0]?.variants[0]?.name ?? '', has: control, needs }
    : { name: variant, has: treatment, needs };
}

function compareQuantile(
  gathered: Gathered,
  { higherIsBetter }: MetricDefinition,
  pair: Pair,
  alpha: number,
): ComparisonResult {
  const { split, traffic } = gathered;
  const { latencies } = traffic;
  const control = latencies.get(split.epochs[0]?.variants[0]?.name ?? '') ?? [];
  const treatment = latencies.get(pair.variant) ?? [];
  const spent = alphaOfEpoch(alpha, split.latest + 1);
  const found = quantileDifference(control, treatment, 0.95, spent);
  const sizes = [control.length, treatment.length] as const;
  const enough = smallerOf(gathered, pair, sizes, valuesForQuantile(0.95, spent));
  const base = { variant: pair.variant, ...quantileOf(treatment), control: quantileOf(control), enough };
  if (!found) return { ...base, ...WITHOUT_INTERVAL, verdict: lacking(base) };
  const { difference, ...interval } = found;
  // The sequence is exact: it needs no minimum beyond its own.
  const verdict = verdictOf({ interval, higherIsBetter, units: enough.has, minimumUnits: 1 });
  return { ...base, difference, interval, verdict };
}

function controlOf({ split, ...gathered }: Gathered, { metric }: MetricDefinition): GroupResult {
  const [control] = split.wholes;
  if (control === undefined) return groupOf(undefined);
  if (metric !== 'p95_ms') return groupOf(meanOf({ split, ...gathered }, metric, control));
  return quantileOf(gathered.traffic.latencies.get(split.arms[control]?.variant ?? '') ?? []);
}

interface Mean {
  readonly sums: Sums;
  readonly estimate: Estimate | undefined;
}

function meanOf({ traffic, feedback }: Gathered, metric: Metric, arm: number): Mean | undefined {
  const [did, said] = [traffic.arms[arm], feedback[arm]];
  if (!did || !said) return undefined;
  if (metric === 'success_rate') return { sums: did.success, estimate: estimateShare(did.success) };
  if (metric === 'accuracy') return { sums: said.accuracy, estimate: estimateShare(said.accuracy) };
  const sums = metric === 'reward' ? said.reward : did.latency;
  return { sums, estimate: estimateMean(sums) };
}

function effectiveUnitsOf(mean: Mean | undefined): number {
  const { sumX = 0, sumXX = 0 } = mean?.sums ?? {};
  return sumXX > 0 ? (sumX * sumX) / sumXX : 0;
}

function groupOf(mean: Mean | undefined): GroupResult {
  const { units = 0, sumX = 0, sumY = 0 } = mean?.sums ?? {};
  const variance = mean?.estimate?.variance;
  return {
    units,
    value: sumX > 0 ? sumY / sumX : null,
    error: variance === undefined ? null : Math.sqrt(variance),
  };
}

/** A quantile has no standard error here. Its units are the latencies that it is of. */
function quantileOf(sorted: readonly number[]): GroupResult {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * 0.95) - 1)];
  return { value: value ?? null, units: sorted.length, error: null };
}

/** @returns undefined without a unit, or with one variant only */
export function splitTest({ split, traffic }: Gathered): ReturnType<typeof srmTest> | undefined {
  const epochs = split.epochs.map(({ variants }, epoch) => ({
    weights: variants.map(({ weight }) => weight),
    counts: variants.map(
      ({ name }) =>
        traffic.firstSeen.find((seen) => seen.epoch === epoch && seen.variant === name)?.units ?? 0,
    ),
  }));
  const test = srmTest(epochs);
  return split.pairs.length === 0 || test.units === 0 ? undefined : test;
}
