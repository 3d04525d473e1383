/**
 * `npm run test:control`: the tests of experiments, rollouts, shadows, the console and the simulator with all their cases,
 * then a table of the figures that they measured. Set up first: `npm run setup`. `-- PATH`: only the files whose path contains it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { FIGURES_DIR, type Figure, readFigures } from '@headgate/testkit/figures';
import { ROOT } from '@headgate/testkit/root';

const PATHS = [
  'control/src/',
  'runtime/src/routing',
  'stores/src/records/',
  'gateway/src/shadow/',
  'console/',
  'simulator/',
  'load-tests/capacity/',
  'test/control/',
];

const MINUTE_MS = 60_000;

rmSync(FIGURES_DIR, { recursive: true, force: true });
const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
const asked = process.argv.slice(2);
const paths = asked.length > 0 ? asked : PATHS;
const args = [vitest, 'run', '--project', 'unit', '--project', 'control', ...paths];
const env = { ...process.env, E2E_FULL: '1' };
const startedMs = performance.now();
// Some files run for minutes, and say nothing before their end.
const progress = setInterval(() => {
  const minutes = Math.round((performance.now() - startedMs) / MINUTE_MS);
  console.log(`test:control: ${minutes} min, ${readFigures().length} figures so far`);
}, MINUTE_MS);
const [status] = await once(spawn(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' }), 'exit');
clearInterval(progress);
const figures = readFigures();
console.log(`\n${table(figures)}`);
process.exitCode = status === 0 && figures.every(({ passed }) => passed) ? 0 : 1;

function table(figures: readonly Figure[]): string {
  const rows = [
    ['figure', 'wanted', 'got'],
    ...figures.map(({ name, wanted, got, passed }) => [name, wanted, passed ? got : `${got}  FAILED`]),
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}
