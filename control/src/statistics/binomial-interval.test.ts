import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wilsonInterval } from './binomial-interval.ts';

it('gives the interval of the paper', () => {
  // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table 1, method 3.
  expect(wilsonInterval(81, 263)).toEqual({
    low: expect.closeTo(0.2553, 4),
    high: expect.closeTo(0.3662, 4),
  });
  expect(wilsonInterval(15, 148)).toEqual({
    low: expect.closeTo(0.0624, 4),
    high: expect.closeTo(0.1605, 4),
  });
  expect(wilsonInterval(0, 20)).toEqual({ low: 0, high: expect.closeTo(0.1611, 4) });
  expect(wilsonInterval(1, 29)).toEqual({ low: expect.closeTo(0.0061, 4), high: expect.closeTo(0.1718, 4) });
});

it('contains the share, stays between 0 and 1, and is undefined without trials', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(10_000), (a, b) => {
      const trials = Math.max(a, b);
      fc.pre(trials > 0);
      const { low, high } = wilsonInterval(Math.min(a, b), trials) ?? { low: 2, high: -1 };
      expect(low).toBeGreaterThanOrEqual(0);
      expect(low).toBeLessThanOrEqual(Math.min(a, b) / trials);
      expect(high).toBeGreaterThanOrEqual(Math.min(a, b) / trials);
      expect(high).toBeLessThanOrEqual(1);
    }),
  );
  expect(wilsonInterval(0, 0)).toBeUndefined();
  expect(wilsonInterval(Number.NaN, Number.NaN)).toBeUndefined();
});
