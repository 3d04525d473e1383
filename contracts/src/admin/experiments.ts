export const METRICS = ['success_rate', 'latency_ms', 'p95_ms', 'accuracy', 'reward'] as const;
export type Metric = (typeof METRICS)[number];

/** Coverages that a report can be asked for, as the query names them. */
export const LEVELS = ['0.9', '0.95', '0.99'] as const;

/** Of a treatment against control. `no_data`: nobody sent any. Neither that nor `not_enough_data` promotes anything. */
export type Verdict = 'better' | 'worse' | 'no_difference_yet' | 'not_enough_data' | 'no_data';

export interface ExperimentReport {
  readonly model: string;
  readonly experiment: string;
  /** The report covers the requests from its start to its end, or to `at_ms`. */
  readonly started_at_ms: number;
  /** When other variants or versions took its place; null while it is in force. */
  readonly ended_at_ms: number | null;
  readonly at_ms: number;
  /** When the weights changed last. */
  readonly split_since_ms: number;
  /** Coverage of the intervals of one metric, at all times and of all its comparisons: 0.9, 0.95 or 0.99. */
  readonly level: number;
  /** The result in plain words. */
  readonly sentence: string;
  readonly variants: readonly ExperimentVariant[];
  readonly srm: SrmResult;
  readonly metrics: readonly MetricResult[];
  /** Experiments of the model with records, newest first: `?at_ms=` with the start of one gives its report. */
  readonly runs: readonly ExperimentRun[];
}

export interface ExperimentRun {
  readonly experiment: string;
  readonly started_at_ms: number;
  readonly ended_at_ms: number | null;
  /** Of its variants; that of control first. */
  readonly versions: readonly string[];
}

export interface ExperimentVariant {
  readonly name: string;
  readonly version: string;
  readonly weight: number;
  /** Units since the weights changed last: their shares are to be held against the weights. */
  readonly split_units: number;
  /** Units that sent a request. One that the weights moved counts for both variants. */
  readonly units: number;
  readonly requests: number;
  /** Requests of them that another variant answered, because this one was not ready. */
  readonly elsewhere: number;
}

export interface SrmResult {
  readonly verdict: 'as_expected' | 'mismatch' | 'no_data';
  /** Product of one e-value for each weight epoch; a mismatch from 1 / alpha on. */
  readonly e_value: number | null;
  readonly sentence: string;
}

export interface MetricResult {
  readonly metric: Metric;
  /** Of values and differences: `share` in [0, 1], `ms`, or none. */
  readonly unit: 'share' | 'ms' | 'none';
  readonly higher_is_better: boolean;
  readonly control: { readonly value: number | null; readonly units: number };
  readonly comparisons: readonly Comparison[];
}

export interface Comparison {
  readonly variant: string;
  readonly value: number | null;
  readonly units: number;
  /** Variant minus control, with its confidence sequence; null before there is one. */
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly verdict: Verdict;
  /** Why there is no verdict yet, or what it rests on, in words. */
  readonly why: string;
  /** Which units of the two variants do not count for the metric, and why; empty when all do. */
  readonly left_out: string;
}

/** What the analysis saw at one time, of one metric and variant: a point of the narrowing interval. */
export interface Look {
  readonly at_ms: number;
  readonly variant: string;
  readonly units: number;
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly verdict: Verdict;
}

export interface AccuracyRow {
  readonly model: string;
  readonly version: string;
  readonly judged: number;
  readonly correct: number;
  readonly accuracy: number;
  /** 95 % interval, by unit. */
  readonly low: number;
  readonly high: number;
}
