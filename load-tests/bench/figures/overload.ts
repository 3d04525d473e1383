import { median, percentile } from '@headgate/testkit/stats';
import { type Curve, goodPerS, measureCurve } from '../overload/curve.ts';
import { headgate, WHOLE_DOOR } from '../peers/headgate.ts';
import type { FigureRun, Section } from './section.ts';
import { withServers } from './servers.ts';

const LEVEL = 3;

/** Whole path with three times as many photos as it can answer. */
export async function overloadFigures(run: FigureRun): Promise<Section> {
  const { rounds, stageMs, signal, progress } = run;
  return await withServers([{ contender: headgate(run.dir) }], {}, async (door, [trial]) => {
    if (!trial) throw new Error('expected a running server');
    const curves: Curve[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const options = { durationMs: stageMs, seed: round + 1, levels: [LEVEL], signal, progress };
      const curve = await measureCurve(trial, door(WHOLE_DOOR), false, options);
      // The first round compiles code.
      if (round > 0) curves.push(curve);
    }
    return {
      figures: [
        {
          name: `whole path at ${LEVEL} × capacity: goodput ÷ capacity`,
          value: median(curves.map(goodputOf)),
          ...{ wanted: 0.8, floor: 0.7, better: 'higher' },
        },
        {
          name: `whole path at ${LEVEL} × capacity: refusals p99`,
          value: median(curves.map(refusalsP99)),
          ...{ wanted: 100, floor: 200, better: 'lower', unit: ' ms', digits: 0 },
        },
      ],
      loads: [],
    };
  });
}

function goodputOf({ levels, capacityPerS }: Curve): number {
  const [level] = levels;
  return level ? goodPerS(level.measured) / capacityPerS : Number.NaN;
}

function refusalsP99({ levels }: Curve): number {
  return percentile(levels[0]?.measured.latencies.refused ?? [], 99);
}
