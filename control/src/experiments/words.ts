import type { Comparison, Metric, MetricResult, SrmResult } from '@headgate/contracts/admin/api';
import { SRM_ALPHA } from './evaluate.ts';
import type { Gathered } from './gather.ts';
import type { Run } from './runs.ts';

type Of = Pick<MetricResult, 'metric' | 'unit'>;

const NAMES: Readonly<Record<Metric, string>> = {
  success_rate: 'success rate',
  latency_ms: 'mean latency',
  p95_ms: 'p95 latency',
  accuracy: 'accuracy',
  reward: 'reward',
};

/** At most three digits that say something: 12.3, 0.0451, 1230. */
const digits = (value: number) => String(Number(value.toPrecision(3)));

function amount(value: number, { unit }: Of): string {
  if (unit === 'share') return `${digits(value * 100)} points`;
  return unit === 'ms' ? `${digits(value)} ms` : digits(value);
}

/** The direction of a difference in words, such as "3.1 ms faster". */
function direction(value: number, of: Of): string {
  const word = of.unit === 'ms' ? (value < 0 ? 'faster' : 'slower') : value < 0 ? 'lower' : 'higher';
  return `${amount(Math.abs(value), of)} ${word}`;
}

/** "between 1.2 ms and 5 ms", or with both directions where the interval holds 0. */
function range(low: number, high: number, of: Of): string {
  if (low < 0 && high > 0) return `between ${direction(low, of)} and ${direction(high, of)}`;
  const [least, most] = [Math.abs(low), Math.abs(high)].sort((a, b) => a - b) as [number, number];
  return `between ${amount(least, of)} and ${amount(most, of)}`;
}

export type Measured = Pick<Comparison, 'variant' | 'difference' | 'low' | 'high' | 'verdict'>;

/** What an interval says: "int8 answers 3.1 ms faster than fp32 (between 1.2 ms and 5 ms)." */
export function finding({ variant, difference, low, high, verdict }: Measured, of: Of, control: string) {
  const limits = low === null || high === null ? '' : range(low, high, of);
  if (verdict === 'no_difference_yet') return `No difference in ${NAMES[of.metric]} yet: ${limits}.`;
  const by = direction(difference ?? 0, of);
  if (of.metric === 'latency_ms') return `${variant} answers ${by} than ${control} (${limits}).`;
  return `The ${NAMES[of.metric]} of ${variant} is ${by} than that of ${control} (${limits}).`;
}

/** The result as one paragraph; the most important first. */
export function sentenceOf(
  { traffic, split, run, recordsSinceMs }: Gathered,
  metrics: readonly MetricResult[],
  srm: SrmResult,
): string {
  const variants = split.epochs.at(-1)?.variants ?? [];
  const control = variants[0]?.name ?? '';
  if (split.pairs.length === 0) return `${control} is the only variant: there is nothing to compare.`;
  if (traffic.arms.every(({ requests }) => requests === 0)) {
    return withoutTraffic(run, recordsSinceMs);
  }
  const cut = isCut(run, recordsSinceMs)
    ? [`Only records since ${dayOf(recordsSinceMs)} count: older ones are deleted.`]
    : [];
  const mismatch = srm.verdict === 'mismatch' ? [`Do not trust this comparison. ${srm.sentence}`] : [];
  const results = split.pairs.map(({ variant }) => resultOf(variant, metrics, control));
  const idle = run.endedAtMs === null ? variants.find(({ weight }) => weight === 0) : undefined;
  const stopped = idle && metrics.some(({ comparisons }) => comparisons.some(({ low }) => low !== null));
  const still = stopped ? [`Nothing new is compared while the weight of ${idle.name} is 0 %.`] : [];
  return [...mismatch, ...results, ...still, ...cut].join(' ');
}

const isCut = ({ startedAtMs }: Run, recordsSinceMs: number) => startedAtMs < recordsSinceMs;
const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

function withoutTraffic(run: Run, recordsSinceMs: number): string {
  const day = dayOf(recordsSinceMs);
  if (run.endedAtMs !== null && run.endedAtMs <= recordsSinceMs) {
    return `The experiment ended before ${day}: its records are deleted.`;
  }
  if (isCut(run, recordsSinceMs)) return `No traffic since ${day}; older records are deleted.`;
  return run.endedAtMs === null
    ? 'No traffic since the experiment began.'
    : 'The experiment ended without traffic.';
}

function resultOf(variant: string, metrics: readonly MetricResult[], control: string): string {
  const all = metrics.flatMap((of) =>
    of.comparisons.filter((one) => one.variant === variant).map((result) => ({ of, result })),
  );
  const decided = all.filter(({ result }) => result.verdict === 'better' || result.verdict === 'worse');
  if (decided.length > 0) return decided.map(({ of, result }) => finding(result, of, control)).join(' ');
  const open = all.filter(({ result }) => result.verdict === 'no_difference_yet');
  if (open.length === 0) return all[0]?.result.why ?? '';
  return `No difference between ${variant} and ${control} yet, in ${list(open.map(({ of }) => NAMES[of.metric]))}.`;
}

const list = (names: readonly string[]) => new Intl.ListFormat('en').format(names);

/** @param epochs in how many the weights differed */
export function splitSentence({ units, eValue }: { units: number; eValue: number }, epochs: number): string {
  const counted = `${units === 1 ? 'one unit' : `${units} units`}, each counted once, when it first came`;
  const over = epochs > 1 ? `, over ${epochs} settings of the weights` : '';
  const isMismatch = eValue >= 1 / SRM_ALPHA;
  const verdict = isMismatch ? 'The split is not what the weights say' : 'The split fits the weights';
  const odds = `the odds against chance are ${digits(Math.min(eValue, 1e9))} to 1`;
  return `${verdict} (${counted}${over}): ${odds}; ${1 / SRM_ALPHA} to 1 is a mismatch.`;
}
