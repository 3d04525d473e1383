import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { type Calibration, calibrationSchema } from '@headgate/simulator/calibration';
import { type Plan, plan, type Question } from '@headgate/simulator/plan';
import { curveRows, curveSvg } from '@headgate/simulator/report';
import { type Command, InvalidArgumentError } from 'commander';
import { CliError } from './errors.ts';
import { print, table } from './print.ts';
import { installationOf, type Surroundings } from './surroundings.ts';

interface SimulateOptions {
  readonly calibration: string;
  readonly rate: number;
  readonly p95: number;
  readonly batch: readonly number[];
  readonly delay: readonly number[];
  readonly requests: number;
  readonly svg?: string;
}

/** `headgate simulate`: how many pods, which batch and delay for a load, from measured times. */
export function addSimulate(program: Command, around: Surroundings): void {
  program
    .command('simulate')
    .description('how many pods a load needs, from measured times (docs/capacity.md)')
    .requiredOption('--rate <number>', 'requests per second of all clients', positive)
    .option('--p95 <ms>', '95 of 100 answers come within this time', positive, 200)
    .option(
      '--calibration <file>',
      'measured times of a deployment',
      'simulator/calibrations/epyc-2-cores.yaml',
    )
    .option('--batch <sizes>', 'values of max_batch_size to try', list, [1, 2, 4, 8])
    .option('--delay <ms>', 'values of max_queue_delay_ms to try', list, [0])
    .option('--requests <number>', 'requests of each simulation', positive, 4000)
    .option('--svg <file>', 'draw the curve of one pod')
    .action(async (options: SimulateOptions, command: Command) => {
      const path = resolve(around.cwd, options.calibration);
      const calibration = readCalibration(path, () =>
        resolve(installationOf(command, around).root, options.calibration),
      );
      const question: Question = {
        calibration,
        perSecond: options.rate,
        p95Ms: options.p95,
        batchSizes: options.batch,
        delaysMs: options.delay,
        requests: options.requests,
        randomOf: () => generator(),
        progress: (line) => around.err(`${line}\n`),
      };
      const found = await plan(question);
      if (!found) throw tooSlow(options.p95);
      if (options.svg !== undefined)
        writeFileSync(resolve(around.cwd, options.svg), curveSvg(found, question));
      print(command, around, found, () => inWords(found, question));
    });
}

function inWords(found: Plan, { perSecond, p95Ms, calibration }: Question): string {
  const { pods, gateways, planned, autoscaling, maxBatchSize, maxQueueDelayMs } = found;
  const { headings, rows } = curveRows(found);
  const values = Object.entries(autoscaling).map(([name, value]) => `    ${name}: ${value}`);
  return [
    `${perSecond} requests per second with 95 % within ${p95Ms} ms need ${pods} inference pods and ${gateways} gateways.`,
    `Each pod gets ${planned.perSecond.toFixed(1)} per second: p50 ${planned.p50Ms.toFixed(1)} ms, p95 ${planned.p95Ms.toFixed(1)} ms, CPU ${(100 * planned.cpuShare).toFixed(0)} %.`,
    '',
    'Manifest:',
    `  batching: { max_batch_size: ${maxBatchSize}, max_queue_delay_ms: ${maxQueueDelayMs} }`,
    'Values of the chart:',
    '  inference:',
    '   autoscaling:',
    ...values,
    '',
    table(headings, rows),
    '',
    `From: ${calibration.source}`,
  ].join('\n');
}

function readCalibration(path: string, besideConfig: () => string): Calibration {
  const text = readText(path) ?? readText(besideConfig());
  if (text === undefined) {
    throw new CliError('not_found', `there is no calibration ${path}`, {
      remedy: 'npm run bench:capacity measures one; simulator/calibrations/ has examples',
    });
  }
  const { success, data, error } = calibrationSchema.safeParse(parseYaml(text), IN_WORDS);
  if (success) return data;
  throw new CliError('usage', describeIssues(error).join('; '), { remedy: 'correct the calibration' });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function tooSlow(p95Ms: number): CliError {
  return new CliError(
    'conflict',
    `no number of pods answers within ${p95Ms} ms: a lone request takes longer`,
    {
      remedy: 'allow more time, or use a faster model or machine',
    },
  );
}

/** The same numbers at each call: two plans differ by their question alone. */
function generator(): () => number {
  let state = 1;
  return () => {
    // Lehmer's generator with the multiplier of Park and Miller (1993).
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

function list(text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.length > 0 && values.every((value) => Number.isFinite(value) && value >= 0)) return values;
  throw new InvalidArgumentError('Expected numbers with commas between them.');
}
