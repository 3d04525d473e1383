import { expect, it } from 'vitest';
import { agreementScale, driftScale } from './scales.ts';

it.each([
  [[0.78, 0.99], 0.75],
  [[0.9], 0.9],
  [[0.999, 1], 0.95],
  [[0], 0],
])('shows shares from %j on a scale from %d to 1', (lows, from) => {
  expect(agreementScale(lows)).toEqual([from, 1]);
});

it.each([
  [[0.012, 0], 0.02],
  [[0.05], 0.05],
  [[0.3, 0.7], 1],
  [[0, 0], 0.001],
])('shows changes of %j on a scale to %d', (sizes, to) => {
  expect(driftScale(sizes)).toEqual([0, to]);
});
