import { expect, it } from 'vitest';
import { meetsTarget, reportAudit, type Sample } from './report.ts';

const all = (...rates: number[]): Sample[] => rates.map((perS) => ({ perS, cpuMs: 0.03 }));

it('says what is kept in a second, at which cost, and whether that is enough', () => {
  const samples = { calls: all(30_000, 31_000), alone: all(900, 901), together: all(9, 9), crowd: all(9, 9) };
  const text = reportAudit(samples, 40_000);
  expect(text).toContain('| calls, an fsync for every 5,000 | 30500 |');
  expect(text).toContain('| audit records | >= 5000 per s | 30500 per s |');
  expect(text).toContain('reads 40000 records per s');
});

it('does not take a mean for met while its interval reaches below', () => {
  expect(meetsTarget({ calls: all(6000, 6001, 6002) })).toBe(true);
  expect(meetsTarget({ calls: all(5100, 9000, 5200) })).toBe(false);
});
