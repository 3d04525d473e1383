import { expect, it } from 'vitest';
import { report } from './report.ts';

const figures = (p50: number, p95: number, perSecond: number) => ({ p50, p95, perSecond });
const ROUNDS = { p95OfRound: [190.2, 210] };

it('marks predictions that are too far off, and counts those of other loads than the calibration', () => {
  const text = report([
    {
      ...{ load: 'c=1', calibrates: true, ...ROUNDS },
      ...{ measured: figures(100, 200, 10), simulated: figures(50, 200, 10) },
    },
    {
      ...{ load: 'c=4', calibrates: false, ...ROUNDS },
      ...{ measured: figures(100, 200, 10), simulated: figures(114, 160, 10) },
    },
  ]);
  expect(text).toContain('| calibration: c=1 | 100.0 / 50.0 (−50.0 %) | 200.0 / 200.0 (+0.0 %) |');
  expect(text).toContain('| c=4 | 100.0 / 114.0 (+14.0 %) | 200.0 / 160.0 (−20.0 %) **over** |');
  expect(text).toContain('| 190 210 |');
  expect(text).toContain('2 of 3 predictions are within 15 %.');
});
