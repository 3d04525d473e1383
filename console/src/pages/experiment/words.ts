import type { ExperimentReport, Metric, MetricResult, Verdict } from '@headgate/contracts/admin/api';
import { formatSigned } from '../../components/chart-points.ts';
import { formatList, formatMs, formatShare } from '../../format.ts';

type Unit = MetricResult['unit'];

export const METRIC_NAMES: Readonly<Record<Metric, string>> = {
  success_rate: 'Success rate',
  latency_ms: 'Mean latency',
  p95_ms: '95th percentile of latency',
  accuracy: 'Accuracy',
  reward: 'Reward',
};

export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  better: 'Better',
  worse: 'Worse',
  no_difference_yet: 'No difference yet',
  not_enough_data: 'Not enough data',
  no_data: 'No data',
};

/** Unit of differences. A difference of shares is in percentage points: percent would read as relative. */
export const DIFFERENCE_UNITS: Readonly<Record<Unit, string>> = {
  share: 'percentage points',
  ms: 'ms',
  none: '',
};

/** A difference in the unit above. */
export function inUnit(difference: number, unit: Unit): number {
  return unit === 'share' ? difference * 100 : difference;
}

export function formatValue(value: number | null, unit: Unit): string {
  if (unit === 'share') return formatShare(value);
  if (unit === 'ms') return formatMs(value);
  return value === null ? '–' : String(Number(value.toPrecision(3)));
}

/** `+0.42 points`, `−3.1 ms`. */
export function formatDifference(difference: number | null, unit: Unit): string {
  return difference === null
    ? '–'
    : `${formatSigned(inUnit(difference, unit))} ${SHORT_UNITS[unit]}`.trimEnd();
}

/** `−0.10 to +0.94 points`. */
export function formatInterval(low: number | null, high: number | null, unit: Unit): string {
  if (low === null || high === null) return '–';
  return `${formatSigned(inUnit(low, unit))} to ${formatDifference(high, unit)}`;
}

const SHORT_UNITS: Readonly<Record<Unit, string>> = { share: 'points', ms: 'ms', none: '' };

/** Which units do not count: each reason once, after its metrics where it is not true of all. */
export function leftOutOf({ metrics }: Pick<ExperimentReport, 'metrics'>): string[] {
  const said = metrics.flatMap(({ metric, comparisons }) =>
    comparisons.map(({ left_out: text }) => ({ metric, text })).filter(({ text }) => text !== ''),
  );
  return [...Map.groupBy(said, ({ text }) => text)].map(([text, of]) => {
    const names = [...new Set(of.map(({ metric }) => METRIC_NAMES[metric]))];
    return names.length === metrics.length ? text : `${formatList(names)}: ${text}`;
  });
}

/** Levels of intervals to choose from, in percent. */
export const LEVELS: readonly number[] = [90, 95, 99];

/** Level that the address names; 95 unless it is one of those to choose from. */
export function levelOf(text: string | null): number {
  return LEVELS.find((percent) => String(percent) === text) ?? 95;
}
