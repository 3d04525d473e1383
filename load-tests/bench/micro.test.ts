import { describe, expect, it } from 'vitest';
import { meanOf } from './micro.ts';

describe('meanOf', () => {
  it('gives the mean of the blocks and half of its 95 % interval', () => {
    const values = Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? 1 : 3));
    const { meanUs, halfWidthUs } = meanOf(values);
    expect(meanUs).toBe(2);
    // s = sqrt(30 / 29), and 2.045 * s / sqrt(30).
    expect(halfWidthUs).toBeCloseTo(0.3798, 3);
  });

  it('has no width when every block is the same', () => {
    expect(meanOf(Array(30).fill(5))).toEqual({ meanUs: 5, halfWidthUs: 0 });
  });
});
