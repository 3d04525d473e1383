import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { IN_WORDS } from '@headgate/contracts/issues';
import { readDocument } from '@headgate/runtime/read-document';
import { issuesOf } from '@headgate/runtime/watch-file';
import { type Calibration, calibrationSchema } from '@headgate/simulator/calibration';
import { type Plan, plan, type Question } from '@headgate/simulator/plan';
import { curveRows, curveSvg, deploymentRows } from '@headgate/simulator/report';
import { type Command, InvalidArgumentError } from 'commander';
import { CliError } from './errors.ts';
import { print, table } from './print.ts';
import { installationOf, type Surroundings } from './surroundings.ts';

interface SimulateOptions {
  readonly calibration: string;
  readonly rate: readonly number[];
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
    .requiredOption('--rate <numbers>', 'requests per second of all clients; several with commas', rates)
    .option('--p95 <ms>', '95 of 100 answers come within this time', positive, 200)
    .option(
      '--calibration <file>',
      'measured times of a deployment',
      'simulator/calibrations/epyc-2-cores.yaml',
    )
    .option('--batch <sizes>', 'values of max_batch_size to try', sizes, [1, 2, 4, 8])
    .option('--delay <ms>', 'values of max_queue_delay_ms to try', delays, [0])
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

function inWords(found: Plan, { p95Ms, calibration }: Question): string {
  const { target, maxBatchSize, maxQueueDelayMs } = found;
  const deployments = deploymentRows(found);
  const curve = curveRows(found);
  return [
    `Inference pods and gateways that answer 95 % within ${p95Ms} ms:`,
    '',
    table(deployments.headings, deployments.rows),
    '',
    'Manifest:',
    `  batching: { max_batch_size: ${maxBatchSize}, max_queue_delay_ms: ${maxQueueDelayMs} }`,
    'Values of the chart, with minReplicas and maxReplicas from the table:',
    `  inference: { autoscaling: { cpuPercent: ${target.cpuPercent}, queueTimeMs: ${target.queueTimeMs} } }`,
    '',
    'One pod:',
    '',
    table(curve.headings, curve.rows),
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
  try {
    return readDocument(text, (document) => calibrationSchema.parse(document, IN_WORDS));
  } catch (cause) {
    throw new CliError('usage', issuesOf(cause).join('; '), { remedy: 'correct the calibration', cause });
  }
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

const accepted = (what: string, isRight: (value: number) => boolean) => (text: string) => {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && isRight(value)) return value;
  throw new InvalidArgumentError(`Expected ${what}.`);
};
const listed = (read: (text: string) => number) => (text: string) => text.split(',').map(read);

const positive = accepted('a number above 0', (value) => value > 0);
const rates = listed(positive);
const sizes = listed(accepted('whole numbers from 1', (value) => Number.isInteger(value) && value >= 1));
const delays = listed(accepted('numbers from 0', (value) => value >= 0));
