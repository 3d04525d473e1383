/**
 * `npm run bench`: what a request costs and how that compares, each figure with what is wanted and with its floor.
 * Measures, prints tables, asserts nothing; `--out FILE` keeps them, `--only digits` measures one part.
 */

import { runBenchmark } from './benchmark.ts';
import { digitsFigures } from './figures/digits.ts';
import { gatewayFigures } from './figures/gateway.ts';
import { idleFigures } from './figures/idle.ts';
import { overloadFigures } from './figures/overload.ts';
import { photosFigures } from './figures/photos.ts';
import type { BenchRun } from './series.ts';
import { figuresTable, loadsTable, type Section } from './tables.ts';

const PARTS: Readonly<Record<string, (run: BenchRun) => Promise<Section>>> = {
  digits: digitsFigures,
  photos: photosFigures,
  idle: idleFigures,
  gateway: gatewayFigures,
  overload: overloadFigures,
};

const rules = { script: 'bench', names: Object.keys(PARTS), rounds: 3, seconds: 3 };
await runBenchmark(rules, async (run, only) => {
  const sections: Section[] = [];
  for (const part of only) {
    const section = await PARTS[part]?.(run);
    if (section) sections.push(section);
  }
  return [
    figuresTable(sections.flatMap(({ figures }) => figures)),
    loadsTable(sections.flatMap(({ loads }) => loads)),
    ...sections.flatMap(({ notes = [] }) => notes),
  ];
});
