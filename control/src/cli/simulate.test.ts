import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { headgate } from '../testing/command-line.ts';

const GPU = 'simulator/calibrations/gpu-node.yaml';
const QUICK = ['--requests', '300', '--batch', '8'];

it('says how many pods a load needs, with the values for the chart, and draws the curve', async () => {
  const svg = join(tempDir(), 'curve.svg');
  const { code, out, err } = await headgate([
    ...['simulate', '--rate', '5000,50000', '--p95', '100', '--calibration', GPU, '--svg', svg, ...QUICK],
  ]);
  expect([code, err]).toEqual([0, expect.stringContaining('batch 8, delay 0 ms')]);
  expect(out).toMatch(/^5000 +\d+ +\d+ .*\n50000 +\d\d+ +\d\d+ /m);
  expect(out).toContain('max_batch_size: 8');
  expect(out).toMatch(/autoscaling: { cpuPercent: (\d+|null), queueTimeMs: (\d+|null) }/);
  expect(readFileSync(svg, 'utf8')).toContain('<svg');
});

it('prints JSON', async () => {
  const asked = ['simulate', '--rate', '100', '--calibration', GPU, '--json', ...QUICK];
  const { code, out } = await headgate(asked);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ maxBatchSize: 8, deployments: [{ perSecond: 100, pods: 1 }] });
});

it.each([
  [['--rate', '10,0'], 2, 'above 0'],
  [['--rate', '10', '--batch', '1.5'], 2, 'whole numbers'],
  [['--rate', '10', '--calibration', 'nowhere.yaml'], 4, 'no calibration'],
  [['--rate', '10', '--p95', '2', '--calibration', GPU, ...QUICK], 5, 'no number of pods'],
])('refuses %j', async (options, code, message) => {
  const refused = await headgate(['simulate', ...options]);
  expect([refused.code, refused.err]).toEqual([code, expect.stringContaining(message)]);
});

it('names what is wrong in a calibration', async () => {
  const file = join(tempDir(), 'bad.yaml');
  writeFileSync(file, 'source: x\nrun_ms: { "1": -3 }\n');
  const { code, err } = await headgate(['simulate', '--rate', '10', '--calibration', file]);
  expect([code, err]).toEqual([2, expect.stringContaining('run_ms')]);
});
