import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differenceSequence, ofShares, sequenceOf } from './confidence-sequence.ts';
import type { Estimate } from './unit-sums.ts';

const estimate = fc
  .record({
    units: fc.integer({ min: 2, max: 1_000_000 }),
    value: fc.double({ min: -100, max: 100, noNaN: true }),
    variance: fc.double({ min: 1e-9, max: 100, noNaN: true }),
  })
  .map((of): Estimate => ({ ...of, effectiveUnits: of.units }));

describe('the confidence sequence of a difference', () => {
  it('is mirrored when the groups change places', () => {
    fc.assert(
      fc.property(estimate, estimate, (a, b) => {
        const one = differenceSequence(a, b, { alpha: 0.05 });
        const other = differenceSequence(b, a, { alpha: 0.05 });
        expect([other.low, other.high, other.pValue]).toEqual([-one.high, -one.low, one.pValue]);
      }),
    );
  });

  it('excludes 0 exactly when the p-value is below alpha', () => {
    fc.assert(
      fc.property(estimate, estimate, fc.double({ min: 0.001, max: 0.5, noNaN: true }), (a, b, alpha) => {
        const { low, high, pValue } = differenceSequence(a, b, { alpha });
        fc.pre(Math.abs(pValue - alpha) > 1e-9);
        expect(low > 0 || high < 0).toBe(pValue < alpha);
      }),
    );
  });

  it('does not believe a small group that looks surer of itself than a large one', () => {
    const large = { units: 9000, effectiveUnits: 9000, value: 0.98, variance: 0.0196 / 9000 };
    const small = { units: 200, effectiveUnits: 200, value: 1, variance: 1e-7 };
    const { low, high } = differenceSequence(large, small, { alpha: 0.05 });
    expect(low).toBeLessThan(0);
    expect(high - low).toBeGreaterThan(4 * Math.sqrt(0.0196 / 200));
    const other = { ...small, variance: 0.1 / 200 };
    const plain = sequenceOf(
      { difference: 0.02, units: 9200, variance: large.variance + other.variance },
      { alpha: 0.05 },
    );
    expect(differenceSequence(large, other, { alpha: 0.05 }).high).toBeCloseTo(plain.high, 12);
  });

  it('of shares ends where no difference of shares can be', () => {
    expect(ofShares({ low: 0.626, high: 1.04 })).toEqual({ low: 0.626, high: 1 });
    expect(ofShares({ low: -1.2, high: 0.3 })).toEqual({ low: -1, high: 0.3 });
  });

  it('narrows with units, and widens with the level', () => {
    const width = (units: number, alpha: number) => {
      const { low, high } = sequenceOf({ difference: 0, units, variance: 1 / units }, { alpha });
      return high - low;
    };
    const byUnits = [100, 1000, 10_000, 1_000_000].map((units) => width(units, 0.05));
    expect(byUnits).toEqual([...byUnits].sort((a, b) => b - a));
    expect(width(1000, 0.01)).toBeGreaterThan(width(1000, 0.05));
  });

  it('is about as wide as an interval for 1.5 times the standard error of one look, where it is tuned', () => {
    const { high } = sequenceOf({ difference: 0, units: 5000, variance: 1 }, { alpha: 0.05 });
    expect(high / 1.96).toBeGreaterThan(1.4);
    expect(high / 1.96).toBeLessThan(1.7);
  });
});
