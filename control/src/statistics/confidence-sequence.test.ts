import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differenceSequence, meanSequence } from './confidence-sequence.ts';
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

  it('narrows with units, and widens with the level', () => {
    const width = (units: number, alpha: number) => {
      const { low, high } = meanSequence(
        { units, effectiveUnits: units, value: 0, variance: 1 / units },
        { alpha },
      );
      return high - low;
    };
    const byUnits = [100, 1000, 10_000, 1_000_000].map((units) => width(units, 0.05));
    expect(byUnits).toEqual([...byUnits].sort((a, b) => b - a));
    expect(width(1000, 0.01)).toBeGreaterThan(width(1000, 0.05));
  });

  it('is about as wide as an interval for 1.5 times the standard error of one look, where it is tuned', () => {
    const { high } = meanSequence(
      { units: 5000, effectiveUnits: 5000, value: 0, variance: 1 },
      { alpha: 0.05 },
    );
    expect(high / 1.96).toBeGreaterThan(1.4);
    expect(high / 1.96).toBeLessThan(1.7);
  });
});
