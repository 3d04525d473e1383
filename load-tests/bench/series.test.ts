import { describe, expect, it } from 'vitest';
import { cpuPerAnswer, p50, type Run, ratio, type Series } from './series.ts';
import { figuresTable, loadsTable } from './tables.ts';

/** A run of one second. */
function run(perSecond: number, cpuMs: number, latencyMs = 10): Run {
  const latencies = Array.from({ length: perSecond }, () => latencyMs);
  const measured = {
    latencies,
    windowMs: 1000,
    answered: perSecond,
    failures: { '503': 1 },
    cpuMs: perSecond,
  };
  const cpuMsOfPart = { Envoy: 0.25 * perSecond, engine: (cpuMs - 0.25) * perSecond };
  return { measured, usage: { cpuMs: cpuMs * perSecond, cpuMsOfPart, peakBytes: 0 } };
}

const ours: Series = { name: 'ours', runs: [run(50, 4), run(20, 4), run(60, 4, 15)] };
const theirs: Series = { name: 'theirs', runs: [run(100, 8), run(80, 8), run(100, 8)] };

it('takes the median of the ratios within a round', () => {
  expect(ratio(ours, theirs)).toBeCloseTo(0.5);
  expect(ratio(ours, theirs, cpuPerAnswer)).toBeCloseTo(0.5);
  expect(ratio(ours, theirs, p50)).toBeCloseTo(1);
  expect(ratio(ours, undefined)).toBeNaN();
});

describe('The table of figures', () => {
  const higher = { wanted: 0.5, floor: 0.3, better: 'higher' as const };
  const lower = { wanted: 100, better: 'lower' as const, unit: ' ms', digits: 0 };
  const rows = (value: number, target: typeof higher | typeof lower) =>
    figuresTable([{ name: 'a figure', value, ...target }]);

  it.each([
    [0.5, '0.50 | ≥ 0.50 | ≥ 0.30 | yes'],
    [0.3, '0.30 | ≥ 0.50 | ≥ 0.30 | above the floor'],
    [0.2, '0.20 | ≥ 0.50 | ≥ 0.30 | no'],
    [Number.NaN, '– | ≥ 0.50 | ≥ 0.30 | not measured'],
  ])('judges %d', (value, text) => expect(rows(value, higher)).toContain(text));

  it('judges what should be low, with its unit', () => {
    expect(rows(99, lower)).toContain('99 ms | ≤ 100 ms | – | yes');
    expect(rows(101, lower)).toContain('101 ms | ≤ 100 ms | – | no');
  });
});

it('shows what failed, and which process the CPU time went to', () => {
  const cells = '| ours | 50.0 | 10.0 | 15.0 | 15.0 | 4.00 | 0.25 | 3.75 | 1.00 | – | 3 × 503 |';
  expect(loadsTable([ours])).toContain(cells);
});
