import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { srmTest } from './srm.ts';

const epoch = fc
  .array(fc.record({ weight: fc.integer({ min: 1, max: 100 }), count: fc.nat(2000) }), {
    minLength: 2,
    maxLength: 4,
  })
  .map((variants) => ({
    weights: variants.map(({ weight }) => weight),
    counts: variants.map(({ count }) => count),
  }));

describe('the test for a sample ratio mismatch', () => {
  it('multiplies the e-values of the epochs', () => {
    fc.assert(
      fc.property(epoch, epoch, (a, b) => {
        const product = srmTest([a]).eValue * srmTest([b]).eValue;
        fc.pre(product > 0 && Number.isFinite(product));
        expect(srmTest([a, b]).eValue / product).toBeCloseTo(1, 6);
      }),
    );
  });

  it('does not depend on the order of the variants, nor on the unit of the weights', () => {
    fc.assert(
      fc.property(epoch, ({ weights, counts }) => {
        const { pValue } = srmTest([{ weights, counts }]);
        const turned = { weights: weights.toReversed().map((w) => w / 7), counts: counts.toReversed() };
        expect(srmTest([turned]).pValue).toBeCloseTo(pValue, 8);
      }),
    );
  });

  it('finds no mismatch in a ramp whose pooled counts would look like one', () => {
    const ramp = [
      { weights: [99, 1], counts: [990, 10] },
      { weights: [50, 50], counts: [5000, 5000] },
    ];
    expect(srmTest(ramp).pValue).toBe(1);
    // The same units against the weights of the last epoch.
    expect(srmTest([{ weights: [50, 50], counts: [5990, 5010] }]).pValue).toBeLessThan(1e-6);
  });

  it('finds a gross mismatch among few hundred units, and a loss of 2 % of one variant among 200,000', () => {
    expect(srmTest([{ weights: [50, 50], counts: [210, 90] }]).pValue).toBeLessThan(0.01);
    expect(srmTest([{ weights: [50, 50], counts: [100_000, 98_000] }]).pValue).toBeLessThan(0.01);
  });

  it('leaves out a variant without weight, and has no evidence without units', () => {
    expect(srmTest([{ weights: [100, 0], counts: [500, 3] }])).toEqual({ units: 500, eValue: 1, pValue: 1 });
    expect(srmTest([{ weights: [0, 0], counts: [1, 3] }])).toEqual({ units: 0, eValue: 1, pValue: 1 });
    expect(srmTest([])).toEqual({ units: 0, eValue: 1, pValue: 1 });
  });

  it('stays a number when the evidence is beyond all doubt', () => {
    expect(srmTest([{ weights: [50, 50], counts: [100_000, 0] }])).toMatchObject({ pValue: 0 });
  });
});
