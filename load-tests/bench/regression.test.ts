import { expect, it } from 'vitest';
import { blockMeans, linearSlope } from './regression.ts';

it('finds a slope, and how sure it is', () => {
  expect(linearSlope([0, 1, 2, 3].map((x) => ({ x, y: 5 + 2 * x })))).toEqual({ slope: 2, halfWidth: 0 });
  // By hand: x 1 to 5, y 2 4 5 4 5 has the slope 0.6 with a standard error of 0.2828 and 3 degrees of freedom.
  const { slope, halfWidth } = linearSlope([2, 4, 5, 4, 5].map((y, i) => ({ x: i + 1, y })));
  expect(slope).toBeCloseTo(0.6, 10);
  expect(halfWidth).toBeCloseTo(3.182 * 0.2828, 3);
});

it('says no to points through which any line goes', () => {
  expect(() => linearSlope([{ x: 0, y: 0 }, { x: 1, y: 1 }])).toThrow(RangeError);
  expect(() => linearSlope(Array(3).fill({ x: 1, y: 1 }))).toThrow(RangeError);
}); // biome-ignore format: two points a line

it('joins samples to blocks, and leaves out what fills none', () => {
  const points = Array.from({ length: 7 }, (_, x) => ({ x, y: 10 * x }));
  expect(blockMeans(points, 3)).toEqual([{ x: 0.5, y: 5 }, { x: 2.5, y: 25 }, { x: 4.5, y: 45 }]);
  expect(blockMeans(points.slice(0, 2), 5)).toHaveLength(2);
}); // biome-ignore format: a block each
