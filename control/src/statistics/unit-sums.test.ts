import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addUnit, estimateMean, estimateShare, NO_UNITS, type Unit, type UnitSums } from './unit-sums.ts';

const unit = fc.record({ x: fc.integer({ min: 1, max: 500 }), y: fc.integer({ min: 0, max: 500 }) });
const sumsOf = (units: readonly Unit[]): UnitSums => units.reduce(addUnit, NO_UNITS);

describe('sums by unit', () => {
  it('do not depend on the order of the units', () => {
    fc.assert(
      fc.property(fc.array(unit), (units) => {
        expect(sumsOf(units.toReversed())).toEqual(sumsOf(units));
      }),
    );
  });

  it('give the variance of the mean when every unit has one value', () => {
    const values = [2, 4, 4, 10];
    const estimate = estimateMean(sumsOf(values.map((y) => ({ x: 1, y }))));
    expect(estimate).toMatchObject({ units: 4, effectiveUnits: 4, value: 5 });
    expect(estimate?.variance).toBeCloseTo((9 + 1 + 1 + 25) / 3 / 4, 12);
  });

  it('count a unit of many requests as one: copies of its requests tell nothing new', () => {
    const units = [1, 0, 1, 1, 0, 1].map((y) => ({ x: 1, y }));
    const repeated = units.map(({ x, y }) => ({ x: 500 * x, y: 500 * y }));
    expect(estimateMean(sumsOf(repeated))?.variance).toBeCloseTo(
      estimateMean(sumsOf(units))?.variance ?? 0,
      12,
    );
  });

  it('count fewer effective units when one unit makes most of the requests', () => {
    const units = [{ x: 997, y: 900 }, ...Array.from({ length: 3 }, (_, i) => ({ x: 1, y: i % 2 }))];
    expect(estimateShare(sumsOf(units))?.effectiveUnits).toBeLessThan(1.1);
  });

  it('are not certain of a share of 1, and less so with fewer units', () => {
    const variances = [1, 10, 1000].map(
      (count) => estimateShare(sumsOf(Array(count).fill({ x: 3, y: 3 })))?.variance ?? 0,
    );
    expect(variances.at(-1)).toBeGreaterThan(0);
    expect(variances).toEqual([...variances].sort((a, b) => b - a));
  });

  it('give the same share and nearly the same variance as the mean once there are many units', () => {
    const units = Array.from({ length: 5000 }, (_, i) => ({ x: 1 + (i % 3), y: i % 2 }));
    const mean = estimateMean(sumsOf(units));
    const share = estimateShare(sumsOf(units));
    expect(share?.value).toBe(mean?.value);
    expect((share?.variance ?? 0) / (mean?.variance ?? 1)).toBeCloseTo(1, 2);
  });

  it.each([
    ['no unit', NO_UNITS],
    [
      'a sum that is not a number',
      {
        ...sumsOf([
          { x: 1, y: 1 },
          { x: 2, y: 1 },
        ]),
        sumY: Number.NaN,
      },
    ],
    [
      'an endless sum',
      {
        ...sumsOf([
          { x: 1, y: 1 },
          { x: 2, y: 1 },
        ]),
        sumYY: Number.POSITIVE_INFINITY,
      },
    ],
  ])('give no estimate for %s', (_, sums) => {
    expect(estimateMean(sums)).toBeUndefined();
    expect(estimateShare(sums)).toBeUndefined();
  });

  it('give no mean for one unit, nor while all have the same ratio', () => {
    expect(estimateMean(sumsOf([{ x: 2, y: 1 }]))).toBeUndefined();
    expect(
      estimateMean(
        sumsOf([
          { x: 2, y: 1 },
          { x: 4, y: 2 },
        ]),
      ),
    ).toBeUndefined();
  });
});
