import type { Metric, SrmResult } from '@headgate/contracts/admin/api';
import {
  type ComparisonResult,
  type MetricDefinition,
  type MetricEvaluation,
  SRM_ALPHA,
} from './evaluate.ts';
import type { Gathered } from './gather.ts';

/** What a reader should know of the groups, beside the numbers of a metric. */
export interface GroupFacts {
  readonly weight: number;
  readonly requests: number;
  readonly elsewhere: number;
}

const NAMES: Readonly<Record<Metric, string>> = {
  success_rate: 'success rate',
  latency_ms: 'mean latency',
  p95_ms: 'p95 latency',
  accuracy: 'accuracy',
  reward: 'reward',
};

/** At most three digits that say something: 12.3, 0.0451, 1230. */
const digits = (value: number) => String(Number(value.toPrecision(3)));

function amount(value: number, { unit }: Pick<MetricDefinition, 'unit'>): string {
  if (unit === 'share') return `${digits(value * 100)} points`;
  return unit === 'ms' ? `${digits(value)} ms` : digits(value);
}

/** The direction of a difference in words, such as "3.1 ms faster". */
function direction(value: number, definition: MetricDefinition): string {
  const word = definition.unit === 'ms' ? (value < 0 ? 'faster' : 'slower') : value < 0 ? 'lower' : 'higher';
  return `${amount(Math.abs(value), definition)} ${word}`;
}

/** "between 1.2 and 5 ms faster", or with both directions where the interval holds 0. */
function range({ low, high }: { low: number; high: number }, definition: MetricDefinition): string {
  if (low < 0 && high > 0) return `between ${direction(low, definition)} and ${direction(high, definition)}`;
  const [least, most] = [Math.abs(low), Math.abs(high)].sort((a, b) => a - b) as [number, number];
  return `between ${amount(least, definition)} and ${amount(most, definition)}`;
}

/** Why a comparison has no verdict yet, or what its verdict rests on. */
export function whyOf(
  result: ComparisonResult,
  definition: MetricDefinition,
  groups: { readonly control: GroupFacts & { readonly name: string }; readonly treatment: GroupFacts },
): string {
  const { variant, difference, interval, verdict } = result;
  const nothing = whyNothing(result, definition, groups);
  if (nothing !== undefined || difference === null || interval === null) return nothing ?? '';
  const { elsewhere, requests } = groups.treatment;
  const diluted =
    elsewhere > 0
      ? ` ${groups.control.name} answered ${elsewhere} of ${requests} requests of ${variant}, while it was not ready.`
      : '';
  if (verdict === 'no_difference_yet') {
    return `No difference in ${NAMES[definition.metric]} yet: ${range(interval, definition)}.${diluted}`;
  }
  return `${claim(result, definition, groups.control.name)}.${diluted}`;
}

/** "int8 answers 3.1 ms faster than fp32 (between 1.2 and 5 ms)". */
function claim({ variant, difference, interval }: ComparisonResult, of: MetricDefinition, control: string) {
  const by = direction(difference ?? 0, of);
  const limits = interval ? ` (${range(interval, of)})` : '';
  if (of.metric === 'latency_ms') return `${variant} answers ${by} than ${control}${limits}`;
  return `The ${NAMES[of.metric]} of ${variant} is ${by} than that of ${control}${limits}`;
}

function whyNothing(
  { variant, units, control, verdict, enough }: ComparisonResult,
  { metric }: MetricDefinition,
  groups: Parameters<typeof whyOf>[2],
): string | undefined {
  if (verdict !== 'no_data') return undefined;
  const sides = [
    { ...groups.control, units: control.units },
    { ...groups.treatment, name: variant, units },
  ];
  const idle = sides.find(({ requests, elsewhere }) => requests - elsewhere <= 0);
  if (idle) return whyIdle(idle);
  const silent = sides.find((side) => side.units === 0);
  if (silent) return whySilent(silent.name, metric);
  const has = Math.floor(enough.has);
  const lacks = `Not enough data yet: ${has} of ${enough.needs}`;
  if (metric === 'p95_ms') return `${lacks} latencies; each unit gives one, after its first ten minutes.`;
  if (has >= enough.needs) return 'Not enough data yet: all units have the same value.';
  const fewer = Math.min(...sides.map((side) => side.units));
  // Few heavy users among many: as if there were fewer units.
  return fewer >= enough.needs
    ? `${lacks} units: few of the ${fewer} units make most of the requests.`
    : `${lacks} units.`;
}

function whyIdle({ name, weight, requests }: GroupFacts & { readonly name: string }): string {
  if (requests > 0)
    return `${name} is not ready: another variant answered all ${requests} requests of its units.`;
  return weight === 0 ? `${name} has a weight of 0 %.` : `No request of a unit of ${name} yet.`;
}

function whySilent(name: string, metric: Metric): string {
  if (metric === 'accuracy') return `No feedback with a label about predictions of ${name} yet.`;
  if (metric === 'reward') return `Nobody sends a reward for predictions of ${name}.`;
  if (metric === 'p95_ms') return `No ten minutes have passed since the weights changed.`;
  return `No successful request of ${name} yet.`;
}

/** The result as one paragraph; the most important first. */
export function sentenceOf(
  { traffic, split }: Gathered,
  metrics: readonly MetricEvaluation[],
  srm: SrmResult,
): string {
  const control = split.epochs.at(-1)?.variants[0]?.name ?? '';
  if (traffic.arms.every(({ requests }) => requests === 0)) return 'No traffic since the experiment began.';
  if (split.pairs.length === 0) return `Only ${control} takes part: there is nothing to compare.`;
  const mismatch = srm.verdict === 'mismatch' ? [`Do not trust this comparison. ${srm.sentence}`] : [];
  return [...mismatch, ...split.pairs.map(({ variant }) => resultOf(variant, metrics, control))].join(' ');
}

function resultOf(variant: string, metrics: readonly MetricEvaluation[], control: string): string {
  const all = metrics.flatMap(({ definition, comparisons }) =>
    comparisons.filter((one) => one.variant === variant).map((result) => ({ definition, result })),
  );
  const decided = all.filter(({ result }) => result.verdict === 'better' || result.verdict === 'worse');
  if (decided.length > 0) {
    return decided.map(({ definition, result }) => `${claim(result, definition, control)}.`).join(' ');
  }
  const open = all.filter(({ result }) => result.verdict === 'no_difference_yet');
  if (open.length > 0) {
    return `No difference between ${variant} and ${control} yet, in ${list(open.map((one) => NAMES[one.definition.metric]))}.`;
  }
  const { has, needs } = all[0]?.result.enough ?? { has: 0, needs: 0 };
  return `Not enough data about ${variant} yet: ${Math.floor(has)} of ${needs} units.`;
}

const list = (names: readonly string[]) => new Intl.ListFormat('en').format(names);

export function splitSentence(units: number, eValue: number): string {
  return eValue >= 1 / SRM_ALPHA
    ? `The units are not split as the weights say: the odds against chance are ${digits(Math.min(eValue, 1e9))} to 1, among ${units} units.`
    : `The ${units} units are split as the weights say.`;
}
