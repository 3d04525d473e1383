import { describe, expect, it } from 'vitest';
import type { Run } from '../series.ts';
import { GRPC_DOOR, WHOLE_DOOR } from './headgate.ts';
import { GUARDED } from './prepare.ts';
import { Ledger, peersReport } from './report.ts';
import { kibOf } from './usage.ts';

/** A run of one second. */
function run(imagesPerS: number): Run {
  const latencies = Array.from({ length: imagesPerS }, () => 10);
  const measured = { latencies, windowMs: 1000, answered: imagesPerS, failures: {}, cpuMs: 1 };
  return { measured, usage: { cpuMs: 10 * imagesPerS, cpuMsOfPart: {}, peakBytes: 2 ** 28 } };
}

const RATES: readonly [id: string, load: string, rates: readonly number[]][] = [
  ['l1', 'L1', [200, 100, 200]],
  ['headgate', `${GRPC_DOOR}, c=32`, [180, 90, 200]],
  ['headgate', `${WHOLE_DOOR}, c=32`, [140, 60, 150]],
  ['fastapi', 'FastAPI, c=32', [100, 50, 100]],
  ['litserve', 'LitServe, c=32', [90, 60, 125]],
  ['bentoml', 'BentoML, c=32', [900]],
  [GUARDED.id, `${GUARDED.name}, c=32`, [150, 60, 150]],
];

describe('The report of the peers', () => {
  const ledger = new Ledger();
  for (const [id, load, rates] of RATES) for (const rate of rates) ledger.add(id, load, run(rate));
  ledger.failed('bentoml', new Error('it ended: out of luck'));
  const report = peersReport(ledger).join('\n');

  it('compares with the best peer, round by round, and with the guarded one', () => {
    expect(report).toContain('| gRPC ÷ best peer, c=32 | 1.60 | ≥ 1.50 | ≥ 1.15 | yes |');
    expect(report).toContain('| gRPC ÷ L1, c=32 | 0.90 | ≥ 0.92 | ≥ 0.87 | above the floor |');
    expect(report).toContain(`| whole path ÷ ${GUARDED.name}, c=32 | 1.00 | ≥ 1.00 | ≥ 0.90 | yes |`);
    expect(report).toContain(`| whole path ÷ ${GUARDED.name}, c=8 | – | ≥ 1.00 | ≥ 0.90 | not measured |`);
  });

  it('names a server that failed instead of comparing with it', () => {
    expect(report).toContain('- bentoml: it ended: out of luck');
    expect(report).not.toContain('BentoML, c=32');
  });

  it('has no numbers that are none, also when nothing was measured', () => {
    expect(report + peersReport(new Ledger()).join('\n')).not.toMatch(/NaN|undefined|Infinity/);
  });
});

it('reads the proportional size of a process', () => {
  expect(kibOf('55d0-7ff [rollup]\nRss:  9000 kB\nPss:  4321 kB\nPss_Dirty: 1 kB\n')).toBe(4321);
});
