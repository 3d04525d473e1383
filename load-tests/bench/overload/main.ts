/**
 * `npm run bench:overload`: what is left of the throughput when more is asked than can be done. Measures, prints
 * tables, asserts nothing; `--out FILE` keeps them.
 */
import { runBenchmark } from '../benchmark.ts';
import type { Contender } from '../peers/contender.ts';
import { prepare, SERVERS } from '../peers/prepare.ts';
import { type Expectation, startTrial } from '../peers/trial.ts';
import { type Curve, measureCurve } from './curve.ts';
import { medianCurve, overloadReport } from './report.ts';

const usual = ['headgate', 'fastapi'];
/** A client in a network namespace is not worth its code here. */
const names = SERVERS.filter((id) => id !== 'ray');

await runBenchmark({ script: 'bench:overload', names, usual, rounds: 1, seconds: 6 }, async (run, only) => {
  const servers: Contender[] = [];
  for (const id of only) servers.push(await prepare(id, run));
  const expected: Expectation = { classes: undefined };
  const curves = new Map<string, Curve[]>();
  for (let round = 1; round <= run.rounds; round += 1) {
    for (const contender of servers) {
      const { server } = await startTrial(contender, expected);
      try {
        for (const door of server.doors) {
          const curve = await measureCurve(door, { round }, run);
          curves.set(door.name, [...(curves.get(door.name) ?? []), curve]);
        }
      } finally {
        await server.stop();
      }
    }
  }
  return overloadReport([...curves.values()].map(medianCurve).filter((curve) => curve !== undefined));
});
