import type {
  Comparison,
  ExperimentReport,
  ExperimentRun,
  ExperimentVariant,
  MetricResult,
  SrmResult,
} from '@headgate/contracts/admin/api';
import type { MetricLook } from '@headgate/stores/records/looks';
import {
  type ComparisonResult,
  evaluate,
  type MetricDefinition,
  type MetricEvaluation,
  SRM_ALPHA,
  splitTest,
} from './evaluate.ts';
import type { Gathered } from './gather.ts';
import type { Run } from './runs.ts';
import { type Facts, type GroupFacts, leftOut, whyNot } from './why-not.ts';
import { finding, sentenceOf, splitSentence } from './words.ts';

/** What the console, the command line and the guardrails of a rollout read. */
export function reportOf(gathered: Gathered, level: number): ExperimentReport {
  const metrics = evaluate(gathered, level).map((one) => metricOf(gathered, one));
  const srm = srmOf(gathered);
  return {
    model: gathered.model,
    experiment: gathered.experiment,
    started_at_ms: gathered.run.startedAtMs,
    ended_at_ms: gathered.run.endedAtMs,
    at_ms: gathered.atMs,
    split_since_ms: gathered.split.epochs.at(-1)?.from_ms ?? gathered.run.startedAtMs,
    level,
    sentence: sentenceOf(gathered, metrics, srm),
    variants: variantsOf(gathered),
    srm,
    metrics,
    runs: gathered.runs.map(runViewOf),
  };
}

function runViewOf({ experiment, epochs, startedAtMs, endedAtMs }: Run): ExperimentRun {
  const versions = (epochs[0]?.variants ?? []).map(({ version }) => version);
  return { experiment, started_at_ms: startedAtMs, ended_at_ms: endedAtMs, versions };
}

function variantsOf({ split, traffic }: Gathered): ExperimentVariant[] {
  const variants = split.epochs.at(-1)?.variants ?? [];
  return variants.map(({ name, version, weight }, index) => {
    const { units = 0, requests = 0, elsewhere = 0 } = traffic.arms[split.wholes[index] ?? -1] ?? {};
    const split_units = traffic.lastSeen.find(({ variant }) => variant === name)?.units ?? 0;
    return { name, version, weight, split_units, units, requests, elsewhere };
  });
}

function srmOf(gathered: Gathered): SrmResult {
  const test = splitTest(gathered);
  if (!test) return { verdict: 'no_data', e_value: null, sentence: 'There is no split to test yet.' };
  // JSON has no infinity.
  const e_value = Math.min(test.eValue, Number.MAX_VALUE);
  const verdict = e_value >= 1 / SRM_ALPHA ? 'mismatch' : 'as_expected';
  return {
    verdict,
    e_value,
    sentence: splitSentence({ ...test, eValue: e_value }, gathered.split.epochs.length),
  };
}

function metricOf(gathered: Gathered, { definition, control, comparisons }: MetricEvaluation): MetricResult {
  return {
    metric: definition.metric,
    unit: definition.unit,
    higher_is_better: definition.higherIsBetter,
    control: { value: control.value, units: control.units },
    comparisons: comparisons.map((result, index) => comparisonOf(gathered, definition, result, index)),
  };
}

function comparisonOf(
  gathered: Gathered,
  { metric, unit }: MetricDefinition,
  result: ComparisonResult,
  index: number,
): Comparison {
  const { variant, value, units, difference, interval, verdict } = result;
  const facts = factsOf(gathered, index);
  const [low, high] = [interval?.low ?? null, interval?.high ?? null];
  const measured = { variant, value, units, difference, low, high, verdict };
  const why = interval
    ? finding(measured, { metric, unit }, facts.control.name)
    : whyNot(result, metric, facts);
  return { ...measured, why, left_out: leftOut(result, metric, facts) };
}

const controlName = ({ split }: Gathered) => split.epochs.at(-1)?.variants[0]?.name ?? '';

/** @param index of a pair of the split */
function factsOf({ split, traffic, run }: Gathered, index: number): Facts {
  const group = (variant: number, arm = -1): GroupFacts => {
    const { units = 0, requests = 0, elsewhere = 0 } = traffic.arms[split.wholes[variant] ?? -1] ?? {};
    const { name = '', weight = 0 } = split.epochs.at(-1)?.variants[variant] ?? {};
    return { name, weight, units, compared: traffic.arms[arm]?.units ?? 0, requests, elsewhere };
  };
  const pair = split.pairs[index];
  const [control, treatment] = [group(0, pair?.control), group(index + 1, pair?.treatment)];
  const hadNone = (name: string) =>
    split.epochs.some(({ variants }) => variants.some((one) => one.name === name && one.weight === 0));
  return {
    control,
    treatment,
    idle: [control.name, treatment.name].filter(hadNone),
    hasEnded: run.endedAtMs !== null,
  };
}

/** A point of the narrowing interval for each metric and treatment that has data. */
export function looksAt({ at_ms, metrics }: ExperimentReport): MetricLook[] {
  return metrics.flatMap(({ metric, comparisons }) =>
    comparisons
      .filter(({ difference }) => difference !== null)
      .map(({ variant, units, difference, low, high, verdict }) => ({
        metric,
        at_ms,
        variant,
        units,
        difference,
        low,
        high,
        verdict,
      })),
  );
}

const COLUMNS = 'model,experiment,at,level,metric,variant,role,units,value,standard_error';
const COMPARED = 'control_value,difference,low,high,verdict';

/** One line for each metric and variant. Names are those of the routing table: letters, digits, and . _ - only. */
export function csvOf(gathered: Gathered, level: number): string {
  const at = new Date(gathered.atMs).toISOString();
  const start = [gathered.model, gathered.experiment, at, level];
  const lines = evaluate(gathered, level).flatMap(({ definition: { metric }, control, comparisons }) => [
    [...start, metric, controlName(gathered), 'control', control.units, control.value, control.error],
    ...comparisons.map((one) => [
      ...[...start, metric, one.variant, 'treatment', one.units, one.value, one.error],
      ...[one.control.value, one.difference, one.interval?.low, one.interval?.high, one.verdict],
    ]),
  ]);
  const width = COLUMNS.split(',').length + COMPARED.split(',').length;
  const rows = lines.map((line) => Array.from({ length: width }, (_, i) => line[i] ?? '').join(','));
  return [`${COLUMNS},${COMPARED}`, ...rows, ''].join('\r\n');
}
