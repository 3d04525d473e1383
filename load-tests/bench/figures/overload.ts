import { median } from '@headgate/testkit/stats';
import { type Curve, goodput, measureCurve, refusalsP99 } from '../overload/curve.ts';
import { GOODPUT, REFUSALS } from '../overload/report.ts';
import { headgate, WHOLE_DOOR } from '../peers/headgate.ts';
import { withServers } from '../peers/trial.ts';
import type { BenchRun } from '../series.ts';
import type { Section } from '../tables.ts';

const LEVEL = 3;

/** The whole path with three times as many photos as it can answer. */
export async function overloadFigures(run: BenchRun): Promise<Section> {
  const servers = [{ contender: headgate(run.dir) }];
  return await withServers(servers, { classes: undefined }, async (door) => {
    const curves: Curve[] = [];
    for (let round = 0; round <= run.rounds; round += 1) {
      const curve = await measureCurve(door(WHOLE_DOOR), { round: round + 1, levels: [LEVEL] }, run);
      // Code is compiled in the first one, which does not count.
      if (round > 0) curves.push(curve);
    }
    const name = `whole path at ${LEVEL} × capacity`;
    return {
      figures: [
        { name: `${name}: goodput ÷ capacity`, value: median(curves.map(goodput)), ...GOODPUT },
        { name: `${name}: refusals p99`, value: median(curves.map(refusalsP99)), ...REFUSALS },
      ],
      loads: [],
    };
  });
}
