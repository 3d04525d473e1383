import { describe, expect, it } from 'vitest';
import { binomialInterval, percentile } from './stats.ts';

describe('A percentile', () => {
  it('is the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([50, 95, 99, 100].map((p) => percentile(values, p))).toEqual([50, 95, 99, 100]);
    expect(percentile([7], 99)).toBe(7);
    expect(percentile([], 50)).toBeNaN();
  });
});

describe('The binomial interval', () => {
  it('is that of a fair coin thrown four times', () => {
    expect(binomialInterval(4, 0.5, 0.5)).toEqual([1, 3]);
  });

  it('agrees with the normal approximation where that holds', () => {
    const [low, high] = binomialInterval(2000, 0.1, 0.999);
    const spread = 3.29 * Math.sqrt(2000 * 0.1 * 0.9);
    expect(Math.abs(low - (200 - spread))).toBeLessThan(3);
    expect(Math.abs(high - (200 + spread))).toBeLessThan(3);
  });
});
