/**
 * `npm run bench:overload`: what is left of the throughput when more is asked than can be done. Measures, prints
 * tables, asserts nothing; `--out FILE` keeps them.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { describeMachine } from '../machine.ts';
import { type OwnRun, ownRun } from '../own-run.ts';
import { prepareContenders } from '../peers/prepare.ts';
import { type Choice, chooseLayout } from '../peers/select.ts';
import { startTrial } from '../peers/trial.ts';
import { type Curve, measureCurve } from './curve.ts';
import { medianCurve } from './judge.ts';
import { type OverloadOptions, parseOverloadOptions, USAGE } from './options.ts';
import { type OverloadResult, renderOverload } from './report.ts';

const SELECT_MS = 2000;

async function bench(options: OverloadOptions, run: OwnRun): Promise<OverloadResult> {
  const { signal, progress } = run;
  const { contenders, unprepared } = await prepareContenders(options.only, run);
  const machine = describeMachine();
  const expected = { classes: undefined };
  const choices: Choice[] = [];
  for (const contender of contenders)
    choices.push(await chooseLayout(contender, { expected, durationMs: SELECT_MS, signal, progress }));

  const problems = unprepared.map(({ id, reason }) => `${id}: ${reason}`);
  const curves = new Map<string, Curve[]>();
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { contender, best, trials } of choices) {
      signal.throwIfAborted();
      if (!best) {
        if (round === 1) problems.push(`${contender.id}: ${trials.at(-1)?.note}`);
        continue;
      }
      const trial = await startTrial(contender, best, expected);
      try {
        for (const door of trial.server.doors) {
          const curve = await measureCurve(trial, door, contender.id === 'headgate', {
            durationMs: options.levelMs,
            seed: round,
            signal,
            progress,
          });
          curves.set(door.name, [...(curves.get(door.name) ?? []), curve]);
        }
      } finally {
        await trial.server.stop();
      }
    }
  }
  return {
    machine,
    cores: cpus().length,
    rounds: options.rounds,
    levelMs: options.levelMs,
    layouts: Object.fromEntries(choices.map(({ contender, best }) => [contender.id, best?.name ?? 'none'])),
    curves: [...curves.values()].map(medianCurve).filter((curve) => curve !== undefined),
    problems,
  };
}

function readOptions(): OverloadOptions {
  try {
    return parseOverloadOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
}

const options = readOptions();
await ownRun(async (run) => {
  const report = renderOverload(await bench(options, run));
  console.log(`\n${report}`);
  if (options.out) writeFileSync(options.out, `# Benchmark: overload\n\n${report}\n`);
});
