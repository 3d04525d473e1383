import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  alphaOfEpoch,
  quantileDifference,
  quantileSequence,
  valuesForQuantile,
} from './quantile-sequence.ts';

const sample = (count: number, of: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => of(i)).sort((a, b) => a - b);

describe('the confidence sequence of a quantile', () => {
  it('is undefined while a limit would lie beyond the sample', () => {
    const firstOf = (p: number) => {
      let count = 0;
      while (quantileSequence(sample(count, Number), p, 0.05) === undefined) count += 1;
      return count;
    };
    expect(firstOf(0.5)).toBe(31);
    expect(firstOf(0.95)).toBe(162);
  });

  it('contains the quantile of the sample, ties included', () => {
    const value = fc.integer({ min: 0, max: 20 });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 500, maxLength: 800 }),
        fc.constantFrom(0.5, 0.95),
        (values, p) => {
          const interval = quantileSequence(
            [...values].sort((a, b) => a - b),
            p,
            0.05,
          );
          expect(interval?.low).toBeLessThanOrEqual(interval?.value ?? Number.NaN);
          expect(interval?.high).toBeGreaterThanOrEqual(interval?.value ?? Number.NaN);
        },
      ),
    );
  });

  it('narrows with the sample, and follows a change of scale', () => {
    const widths = [500, 5000, 50_000].map((count) => {
      const { low, high } =
        quantileSequence(
          sample(count, (i) => (i + 0.5) / count),
          0.95,
          0.05,
        ) ?? {};
      return (high ?? Number.NaN) - (low ?? Number.NaN);
    });
    expect(widths).toEqual([...widths].sort((a, b) => b - a));
    const values = sample(1000, Number);
    const { low, high } = quantileSequence(values, 0.95, 0.05) ?? {};
    expect(
      quantileSequence(
        values.map((value) => 2 * value + 7),
        0.95,
        0.05,
      ),
    ).toMatchObject({
      low: 2 * (low ?? 0) + 7,
      high: 2 * (high ?? 0) + 7,
    });
  });
});

describe('the difference of a quantile', () => {
  const control = sample(2000, (i) => i);
  const slower = sample(2000, (i) => i * 1.2);

  it('excludes 0 for a clear difference, and is mirrored when the groups change places', () => {
    const one = quantileDifference(control, slower, 0.95, 0.05);
    const other = quantileDifference(slower, control, 0.95, 0.05);
    expect(one?.low).toBeGreaterThan(0);
    expect([other?.low, other?.high]).toEqual([-(one?.high ?? 0), -(one?.low ?? 0)]);
  });

  it('contains 0 for the same sample, and is undefined with a small one', () => {
    const same = quantileDifference(control, control, 0.95, 0.05);
    expect(same).toMatchObject({ difference: 0 });
    expect(same?.low).toBeLessThan(0);
    expect(quantileDifference(control, slower.slice(0, 20), 0.95, 0.05)).toBeUndefined();
  });

  it.each([0.1, 0.05, 0.0125])('has an interval from the stated number of values on, at %s', (alpha) => {
    const needs = valuesForQuantile(0.95, alpha);
    const [few, enough] = [sample(needs - 1, Number), sample(needs, Number)];
    expect(quantileDifference(few, few, 0.95, alpha)).toBeUndefined();
    expect(quantileDifference(enough, enough, 0.95, alpha)).toBeDefined();
  });

  it('spends no more than its chance over all epochs', () => {
    let spent = 0;
    for (let epoch = 1; epoch <= 10_000; epoch += 1) spent += alphaOfEpoch(0.05, epoch);
    expect(spent).toBeLessThanOrEqual(0.05);
    expect(spent).toBeCloseTo(0.05, 4);
  });
});
