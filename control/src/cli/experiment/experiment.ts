import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type ExperimentReport,
  LEVELS,
  METRICS,
  type Metric,
  type MetricResult,
} from '@headgate/contracts/admin/api';
import { printable } from '@headgate/runtime/printable';
import { type Command, Option } from 'commander';
import { adminApiOf, modelOr } from '../admin-api.ts';
import { indented, NONE, paragraphs, percent, round, time } from '../in-words.ts';
import { print, table } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { intervalSvg } from './interval-svg.ts';

interface ReportOptions {
  readonly level?: (typeof LEVELS)[number];
  readonly csv?: boolean;
  readonly svg?: string;
  readonly metric: Metric;
}

/** `headgate experiment`: which version is better. */
export function addExperiment(program: Command, around: Surroundings): void {
  program
    .command('experiment')
    .description('compare the variants of a model')
    .command('report')
    .argument('[model]', 'model of the routing table (default: the default model)')
    .description(
      'say which variant is better, with intervals that hold at every look; or why nobody knows yet',
    )
    .addOption(
      new Option('--level <share>', 'coverage of the intervals (default: that of control)').choices(LEVELS),
    )
    .option('--csv', 'print the report as CSV')
    .option('--svg <file>', 'also draw how the interval of the metric narrowed')
    .addOption(new Option('--metric <name>', 'metric of --svg').choices(METRICS).default('success_rate'))
    .action(async (named: string | undefined, options: ReportOptions, command: Command) => {
      const api = adminApiOf(command, around);
      const model = await modelOr(named, api);
      if (options.svg !== undefined) {
        const { looks } = await api.looks(model, options.metric);
        writeFileSync(
          resolve(around.cwd, options.svg),
          intervalSvg({ model, metric: options.metric, looks }),
        );
      }
      if (options.csv)
        return around.out(printable((await api.experimentCsv(model)).replaceAll('\r\n', '\n')));
      print(command, around, await api.experiment(model, options.level), inWords);
    });
}

function inWords(report: ExperimentReport): string {
  const { model, experiment, started_at_ms, sentence, variants, srm, metrics, level } = report;
  const shares = variants.map(({ name, version, weight, units, requests }) => [
    name,
    version,
    percent(weight),
    String(units),
    String(requests),
  ]);
  const interval = `${round(level * 100, 2)} % INTERVAL`;
  const results = ['METRIC', 'VARIANT', 'CONTROL', 'VALUE', 'DIFFERENCE', interval, 'UNITS', 'VERDICT'];
  return paragraphs(
    sentence,
    `experiment ${experiment} of ${model}, since ${time(started_at_ms)}`,
    indented(table(['VARIANT', 'VERSION', 'TARGET', 'UNITS', 'REQUESTS'], shares)),
    indented(table(results, metrics.flatMap(rowsOf))),
    reasonsOf(metrics),
    srm.sentence,
  );
}

function rowsOf({ metric, unit, control, comparisons }: MetricResult): string[][] {
  const show = (value: number | null) => inUnit(value, unit);
  return comparisons.map(({ variant, value, units, difference, low, high, verdict }) => [
    metric,
    variant,
    show(control.value),
    show(value),
    signed(difference, unit),
    low === null || high === null ? NONE : `${signed(low, unit)} to ${signed(high, unit)}`,
    String(units),
    verdict.replaceAll('_', ' '),
  ]);
}

/** Why there is no verdict yet, or what it rests on. */
function reasonsOf(metrics: readonly MetricResult[]): string {
  return metrics
    .flatMap(({ metric, comparisons }) =>
      comparisons.flatMap(({ variant, why }) => (why === '' ? [] : [`${metric}, ${variant}: ${why}`])),
    )
    .join('\n');
}

function inUnit(value: number | null, unit: MetricResult['unit']): string {
  if (value === null) return NONE;
  if (unit === 'share') return percent(value * 100);
  return unit === 'ms' ? `${round(value, 1)} ms` : String(round(value, 4));
}

/** A difference of shares is in points: 2 % more of 90 % would be something else. */
function signed(value: number | null, unit: MetricResult['unit']): string {
  const text = inUnit(value, unit).replace('%', 'points');
  return value !== null && value > 0 ? `+${text}` : text;
}
