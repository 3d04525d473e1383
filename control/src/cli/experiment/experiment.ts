import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type ExperimentReport,
  type ExperimentVariant,
  LEVELS,
  METRICS,
  type Metric,
  type MetricResult,
} from '@headgate/contracts/admin/api';
import { printable } from '@headgate/runtime/printable';
import { type Command, Option } from 'commander';
import { adminApiOf, modelOr } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { indented, NONE, paragraphs, percent, round, time, timeBefore } from '../in-words.ts';
import { print, table } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { intervalSvg } from './interval-svg.ts';

interface ReportOptions {
  readonly experiment?: string;
  readonly at?: string;
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
    .option('--experiment <name>', 'a former experiment of the model, such as the id of a rollout')
    .option('--at <time>', 'the experiment of that time: 2030-01-31T12:00:00Z, or a duration before now: 7d')
    .option('--csv', 'print the report as CSV')
    .option('--svg <file>', 'also draw how the interval of the metric narrowed')
    .addOption(new Option('--metric <name>', 'metric of --svg').choices(METRICS).default('success_rate'))
    .action(async (named: string | undefined, options: ReportOptions, command: Command) => {
      const api = adminApiOf(command, around);
      const model = await modelOr(named, api);
      const { metric, level } = options;
      if (options.svg !== undefined && level !== undefined) {
        throw new CliError('usage', '--svg draws the intervals that control kept, which have its own level', {
          remedy: 'leave out --level, or --svg',
        });
      }
      const which = { experiment: options.experiment, at_ms: timeBefore(options.at, around.nowMs()) };
      if (options.svg !== undefined) {
        const { looks } = await api.looks(model, { ...which, metric });
        writeFileSync(resolve(around.cwd, options.svg), intervalSvg({ model, metric, looks }));
      }
      if (options.csv)
        return around.out(
          printable((await api.experimentCsv(model, { ...which, level })).replaceAll('\r\n', '\n')),
        );
      print(command, around, await api.experiment(model, { ...which, level }), inWords);
    });
}

function inWords(report: ExperimentReport): string {
  const { sentence, variants, srm, metrics, level } = report;
  const asked = variants.reduce((sum, { split_units }) => sum + split_units, 0);
  const shares = variants.map(({ name, version, weight, split_units, units, requests }) => [
    name,
    version,
    percent(weight),
    percent(asked === 0 ? null : (100 * split_units) / asked),
    String(units),
    String(requests),
  ]);
  const unitsOf = (name: string) => variants.find((one) => one.name === name)?.units ?? 0;
  const interval = `${round(level * 100, 2)} % INTERVAL`;
  const results = ['METRIC', 'VARIANT', 'CONTROL', 'VALUE', 'DIFFERENCE', interval, 'UNITS', 'VERDICT'];
  return paragraphs(
    sentence,
    whatItCovers(report),
    indented(table(['VARIANT', 'VERSION', 'TARGET', 'OBSERVED', 'UNITS', 'REQUESTS'], shares)),
    [
      `TARGET and OBSERVED: share of the units since the weights changed last, at ${time(report.split_since_ms)}.`,
      srm.sentence,
      ...variants.flatMap(elsewhereOf),
    ].join('\n'),
    indented(
      table(
        results,
        metrics.flatMap((metric) => rowsOf(metric, unitsOf)),
      ),
    ),
    notesOf(metrics),
    others(report),
  );
}

function whatItCovers({ model, experiment, started_at_ms, ended_at_ms, at_ms }: ExperimentReport): string {
  const until = ended_at_ms === null ? `until now (${time(at_ms)})` : `to its end at ${time(ended_at_ms)}`;
  return `experiment ${experiment} of ${model}: from ${time(started_at_ms)} ${until}`;
}

/** The other experiments of the model, with times that `--at` takes. */
function others({ runs, started_at_ms }: ExperimentReport): string {
  const rows = runs
    .filter((run) => run.started_at_ms !== started_at_ms)
    .map(({ experiment, versions, started_at_ms: from, ended_at_ms: to }) => [
      new Date(from).toISOString(),
      to === null ? 'in force' : time(to),
      versions.join(', '),
      experiment,
    ]);
  if (rows.length === 0) return '';
  return `Other experiments of the model (--at STARTED shows one):\n\n${indented(table(['STARTED', 'ENDED', 'VERSIONS', 'EXPERIMENT'], rows))}`;
}

function elsewhereOf({ name, requests, elsewhere }: ExperimentVariant): string[] {
  if (elsewhere === 0) return [];
  return [`Another variant answered ${elsewhere} of ${requests} requests of ${name}, which was not ready.`];
}

function rowsOf(
  { metric, unit, control, comparisons }: MetricResult,
  unitsOf: (variant: string) => number,
): string[][] {
  const show = (value: number | null) => inUnit(value, unit);
  return comparisons.map(({ variant, value, units, difference, low, high, verdict }) => [
    metric,
    variant,
    show(control.value),
    show(value),
    signed(difference, unit),
    low === null || high === null ? NONE : `${signed(low, unit)} to ${signed(high, unit)}`,
    units === unitsOf(variant) ? String(units) : `${units} of ${unitsOf(variant)}`,
    verdict.replaceAll('_', ' '),
  ]);
}

/** Why there is no interval, and which units do not count. */
function notesOf(metrics: readonly MetricResult[]): string {
  return metrics
    .flatMap(({ metric, comparisons }) =>
      comparisons.flatMap(({ variant, low, why, left_out }) => {
        const note = [low === null ? why : '', left_out].filter(Boolean).join(' ');
        return note === '' ? [] : [`${metric}, ${variant}: ${note}`];
      }),
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
