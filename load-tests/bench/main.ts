/**
 * `npm run bench`: what a request costs and how that compares, each figure with what is wanted and with its floor.
 * Measures, prints tables, asserts nothing; `--out FILE` keeps them, `--only digits` measures one part.
 */
import { writeFileSync } from 'node:fs';
import type { LoadJob } from './client.ts';
import { digitsFigures } from './figures/digits.ts';
import { gatewayFigures } from './figures/gateway.ts';
import { idleFigures } from './figures/idle.ts';
import { overloadFigures } from './figures/overload.ts';
import { photosFigures } from './figures/photos.ts';
import { type FigureRun, figuresTable, loadsTable, type Section } from './figures/section.ts';
import { startWorker } from './jobs.ts';
import { describeMachine } from './machine.ts';
import { machineLines } from './markdown.ts';
import { type BenchOptions, type BenchPart, parseBenchOptions, USAGE } from './options.ts';
import { type OwnRun, ownRun } from './own-run.ts';

const MEASURE: Readonly<Record<BenchPart, (run: FigureRun) => Promise<Section>>> = {
  digits: digitsFigures,
  photos: photosFigures,
  idle: idleFigures,
  gateway: gatewayFigures,
  overload: overloadFigures,
};

async function bench({ rounds, stageMs, parts }: BenchOptions, run: OwnRun): Promise<string> {
  const machine = describeMachine();
  if (machine.loadBefore > 0.2)
    run.progress(`the machine is busy: load average ${machine.loadBefore.toFixed(2)}`);
  const client = startWorker<LoadJob>('./client.ts');
  const sections: Section[] = [];
  try {
    for (const part of parts) sections.push(await MEASURE[part]({ ...run, rounds, stageMs, client }));
  } finally {
    client.stop();
  }
  return [
    `${machineLines(machine)}\n${rounds} interleaved rounds of ${stageMs / 1000} s per load, medians; the client shares the cores.`,
    figuresTable(sections.flatMap(({ figures }) => figures)),
    loadsTable(sections.flatMap(({ loads }) => loads)),
  ].join('\n\n');
}

function readOptions(): BenchOptions {
  try {
    return parseBenchOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
}

const options = readOptions();
await ownRun(async (run) => {
  const report = await bench(options, run);
  console.log(`\n${report}`);
  if (options.out) writeFileSync(options.out, `# Benchmark\n\n${report}\n`);
});
