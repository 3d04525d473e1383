/**
 * `npm run bench:capacity`: measures one machine at two loads, and compares what the simulator foretells with
 * measurements at three other loads. `--out FILE` keeps the report; the calibration is printed with it.
 */
import { availableParallelism } from 'node:os';
import type { Calibration } from '@headgate/simulator/calibration';
import { simulate } from '@headgate/simulator/simulate';
import { seeded } from '@headgate/testkit/random';
import { median, percentile } from '@headgate/testkit/stats';
import { stringify } from 'yaml';
import { runBenchmark } from '../bench/benchmark.ts';
import { startWorker } from '../bench/jobs.ts';
import { describeMachine } from '../bench/machine.ts';
import type { OpenJob, OpenMeasured } from '../bench/overload/open-client.ts';
import type { Door } from '../bench/peers/contender.ts';
import { headgate, WHOLE_DOOR } from '../bench/peers/headgate.ts';
import { withServers } from '../bench/peers/trial.ts';
import { loadPhotos, PHOTOS_DIR } from '../bench/photos.ts';
import { type BenchRun, doorLoad, FULL, interleave, perSecond, type Series } from '../bench/series.ts';
import { calibrationOf, measureStages } from './calibrate.ts';

/** Callers of the two loads that are compared beside the open one. */
const CLOSED = [4, 12] as const;
/** Of the capacity. */
const OPEN_SHARE = 0.6;
const STAGE_ROUNDS = 4;
const MAX_BATCH = 8;
const DEADLINE_MS = 30_000;

interface Outcome {
  readonly load: string;
  readonly measured: Triple;
  readonly simulated: Triple;
}

interface Triple {
  readonly p50: number;
  readonly p95: number;
  readonly perSecond: number;
}

const rules = { script: 'bench:capacity', names: ['headgate'], rounds: 3, seconds: 6 };

await runBenchmark(rules, async (run) =>
  withServers([{ contender: headgate(run.dir) }], { classes: undefined }, async (door) => {
    const whole = door(WHOLE_DOOR);
    if (whole.target.kind !== 'http') throw new Error('the whole path speaks HTTP');
    const stages = await measureStages(whole.target, loadPhotos(PHOTOS_DIR), STAGE_ROUNDS);
    const loads = [1, FULL, ...CLOSED].map((callers) => doorLoad(whole, callers, run));
    const [lone, full, ...closed] = (await interleave(loads, run)) as [Series, Series, ...Series[]];
    const { cpu, date } = describeMachine();
    const calibration = calibrationOf({ lone, full }, stages, {
      source: `measured on ${date}: ${cpu}, everything on one machine, EfficientNet-Lite0 fp32, the sample photos`,
      cores: availableParallelism(),
      maxBatchSize: MAX_BATCH,
    });
    const rate = OPEN_SHARE * median(full.runs.map(perSecond));
    const outcomes: Outcome[] = [
      await compare(`calibration: c=1`, tripleOf(lone), calibration, { callers: 1 }),
      await compare(`calibration: c=${FULL}`, tripleOf(full), calibration, { callers: FULL }),
      ...(await Promise.all(
        CLOSED.map((callers, index) =>
          compare(`c=${callers}`, tripleOf(closed[index] as Series), calibration, { callers }),
        ),
      )),
      await compare(`${rate.toFixed(0)} per second, Poisson`, await openLoad(whole, rate, run), calibration, {
        perSecond: rate,
      }),
    ];
    return [table(outcomes), ['```yaml', stringify(calibration).trim(), '```'].join('\n')];
  }),
);

async function compare(
  load: string,
  measured: Triple,
  calibration: Calibration,
  asked: { readonly perSecond: number } | { readonly callers: number },
): Promise<Outcome> {
  const found = await simulate({ calibration, load: asked, requests: 6000, random: seeded(1) });
  const at = (p: number) => percentile(found.latenciesMs, p);
  return { load, measured, simulated: { p50: at(50), p95: at(95), perSecond: found.perSecond } };
}

function tripleOf({ runs }: Series): Triple {
  const at = (p: number) => median(runs.map(({ measured }) => percentile(measured.latencies, p)));
  return { p50: at(50), p95: at(95), perSecond: median(runs.map(perSecond)) };
}

async function openLoad(door: Door, ratePerS: number, run: BenchRun): Promise<Triple> {
  const open = startWorker<OpenJob, OpenMeasured>('./overload/open-client.ts');
  const job = { target: door.target, photosDir: PHOTOS_DIR, ratePerS, deadlineMs: DEADLINE_MS, warmMs: 1000 };
  try {
    const triples: Triple[] = [];
    for (let round = 1; round <= run.rounds; round += 1) {
      run.signal.throwIfAborted();
      const { latencies, windowMs } = await open.run({ ...job, seed: round, durationMs: run.stageMs });
      const at = (p: number) => percentile(latencies.ok, p);
      triples.push({ p50: at(50), p95: at(95), perSecond: (latencies.ok.length * 1000) / windowMs });
    }
    const of = (read: (triple: Triple) => number) => median(triples.map(read));
    return { p50: of(({ p50 }) => p50), p95: of(({ p95 }) => p95), perSecond: of((one) => one.perSecond) };
  } finally {
    open.stop();
  }
}

function table(outcomes: readonly Outcome[]): string {
  const cell = (measured: number, simulated: number) =>
    `${measured.toFixed(1)} / ${simulated.toFixed(1)} (${signed((100 * simulated) / measured - 100)} %)`;
  const rows = outcomes.map(({ load, measured, simulated }) => {
    const cells = (['p50', 'p95', 'perSecond'] as const).map((name) => cell(measured[name], simulated[name]));
    return `| ${load} | ${cells.join(' | ')} |`;
  });
  return [
    '| load | p50 ms, measured / simulated | p95 ms | per second |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(1)}`;
}
