/** `npm run bench:sketch`: what the sketch of an image costs its engine, in CPU-µs with a 95 % interval. */

import { randomFillSync } from 'node:crypto';
import { createSketcher } from '../../inference/src/engine/sketch.ts';
import { describeMachine } from './machine.ts';
import { table } from './markdown.ts';
import { type Case, costRow, measureCases } from './micro.ts';

const TIMES_PER_BLOCK = 500;

function caseOf(side: number): Case {
  const shape = { width: side, height: side, channels: 3 };
  const image = { pixels: randomFillSync(new Uint8Array(side * side * 3)), width: 640, height: 480 };
  const sketch = createSketcher(shape);
  return {
    name: `sketch of ${side} x ${side}`,
    run: (times) => {
      for (let i = 0; i < times; i += 1) sketch(image);
    },
  };
}

const costs = await measureCases([224, 512].map(caseOf), TIMES_PER_BLOCK);
const { cpu, date, commit, loadBefore } = describeMachine();
console.log(
  `Measured on ${date} at commit ${commit}: ${cpu}; load average before it ${loadBefore.toFixed(2)}.\n`,
);
console.log(table(['what', 'CPU-µs', '95 %'], costs.map(costRow)));
