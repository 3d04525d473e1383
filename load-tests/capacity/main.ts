/**
 * `npm run bench:capacity`: measures one machine at two loads, and compares what the simulator foretells with
 * measurements at three other loads. `--out FILE` keeps the report. The calibration goes to state/calibration.yaml.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { type Calibration, calibrationSchema } from '@headgate/simulator/calibration';
import { type Load as SimulatedLoad, simulate } from '@headgate/simulator/simulate';
import { seeded } from '@headgate/testkit/random';
import { ROOT } from '@headgate/testkit/root';
import { Document, isSeq, visit } from 'yaml';
import { runBenchmark } from '../bench/benchmark.ts';
import { describeMachine } from '../bench/machine.ts';
import type { Door } from '../bench/peers/contender.ts';
import { headgate, WHOLE_DOOR } from '../bench/peers/headgate.ts';
import { withServers } from '../bench/peers/trial.ts';
import { type BenchRun, FULL, interleave, perSecond, type Series } from '../bench/series.ts';
import { calibrationOf, type Stages } from './calibrate.ts';
import { closedLoad, measureStages, OpenLoad } from './loads.ts';
import { type Comparison, type Figures, figuresOf, medianOf, report, roundsOf } from './report.ts';

/** Callers of the two loads that are compared beside the open one. */
const CLOSED = [4, 12] as const;
/** Of the capacity. */
const OPEN_SHARE = 0.6;
/** Times that each photo is sent alone, in each round. */
const STAGE_TIMES = 8;
const MAX_BATCH = 8;
const SIMULATED_REQUESTS = 6000;
const CALIBRATION_FILE = join(ROOT, 'state/calibration.yaml');

const rules = { script: 'bench:capacity', names: ['headgate'], rounds: 6, seconds: 10 };

await runBenchmark(rules, async (run) =>
  withServers([{ contender: headgate(run.dir) }], { classes: undefined }, async (door) => {
    const whole = door(WHOLE_DOOR);
    const full = closedLoad(whole, FULL, run);
    const open = new OpenLoad(whole, OPEN_SHARE * perSecond(await full.run()), run);
    try {
      const { calibration, series } = await measure(whole, open, run);
      mkdirSync(dirname(CALIBRATION_FILE), { recursive: true });
      writeFileSync(CALIBRATION_FILE, yamlOf(calibration));
      run.progress(`the calibration is in ${CALIBRATION_FILE}; now the simulations`);
      return [report(await compareAll(series, calibration, open))];
    } finally {
      open.stop();
    }
  }),
);

/** All loads in each round, and a lone caller's stages: the machine is not equally fast at all times. */
async function measure(door: Door, open: OpenLoad, run: BenchRun) {
  const stages: Stages[] = [];
  const alone = closedLoad(door, 1, run);
  const lone = {
    name: alone.name,
    run: async () => {
      stages.push(...(await measureStages(door, STAGE_TIMES)));
      return alone.run();
    },
  };
  const closed = [FULL, ...CLOSED].map((callers) => closedLoad(door, callers, run));
  const series = await interleave([lone, ...closed, open], run);
  const [ofLone, ofFull] = series as [Series, Series, ...Series[]];
  const { cpu, date } = describeMachine();
  // The first round does not count.
  const counted = stages.slice(stages.length / (run.rounds + 1));
  const found = calibrationOf({ lone: ofLone, full: ofFull }, counted, {
    source: `measured on ${date}: ${cpu}, everything on one machine, EfficientNet-Lite0 fp32, the sample photos`,
    cores: availableParallelism(),
    maxBatchSize: MAX_BATCH,
  });
  // On a busy machine the times contradict each other.
  return { calibration: calibrationSchema.parse(found), series };
}

async function compareAll(
  series: readonly Series[],
  calibration: Calibration,
  open: OpenLoad,
): Promise<Comparison[]> {
  const foretell = async (load: SimulatedLoad, requests: number, seed = 1) =>
    figuresOf(await simulate({ calibration, load, requests, random: seeded(seed) }));
  const comparisons: Comparison[] = [];
  const compare = (of: Series, simulated: Figures, calibrates = false) => {
    const rounds = roundsOf(of);
    const p95OfRound = rounds.map(({ p95 }) => p95);
    comparisons.push({ load: of.name, calibrates, measured: medianOf(rounds), simulated, p95OfRound });
  };
  for (const [index, callers] of [1, FULL, ...CLOSED].entries()) {
    const simulated = await foretell({ callers }, SIMULATED_REQUESTS);
    compare(series[index] as Series, simulated, index < 2);
  }
  const ofOpen = series.at(-1) as Series;
  const rounds: Figures[] = [];
  for (const round of ofOpen.runs.keys()) {
    const { requests, ...load } = open.arrivalsOf(round + 1);
    rounds.push(await foretell(load, requests, round + 1));
  }
  compare(ofOpen, medianOf(rounds));
  return comparisons;
}

/** Lists on one line each. */
function yamlOf(calibration: Calibration): string {
  const document = new Document(calibration);
  visit(document, (_, node) => {
    if (isSeq(node)) node.flow = true;
  });
  return `# npm run bench:capacity\n${document.toString({ lineWidth: 0 })}`;
}
