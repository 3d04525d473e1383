import { expect, it } from 'vitest';
import { describePoint, formatSigned, formatTick, thin } from './chart-points.ts';

it('keeps the first and the last of many points, and all of few', () => {
  const points = Array.from({ length: 1001 }, (_, index) => index);
  expect(thin(points, 5)).toEqual([0, 250, 500, 750, 1000]);
  expect(thin([1, 2], 5)).toEqual([1, 2]);
});

it('gives a difference its sign', () => {
  expect([0.4249, -3.1, 0, null].map(formatSigned)).toEqual(['+0.425', '−3.1', '0', '–']);
});

it('labels a time axis as finely as its span asks for', () => {
  const at = new Date(2026, 10, 30, 9, 5, 7).getTime();
  expect([60_000, 3_600_000, 200_000_000].map((span) => formatTick(at, span))).toEqual([
    '09:05:07',
    '09:05',
    '30 Nov',
  ]);
});

it('reads a point with its interval, or says what is missing', () => {
  const atMs = new Date(2026, 10, 30, 9, 5, 7).getTime();
  const at = '30 Nov 09:05:07';
  expect(describePoint({ atMs, value: 1, low: -2, high: 3 }, 'ms')).toBe(`${at}: +1 ms, between −2 and +3`);
  expect(describePoint({ atMs, value: 1, low: null, high: null }, '')).toBe(`${at}: +1, no interval yet`);
  expect(describePoint({ atMs, value: null, low: null, high: null }, 'ms')).toBe(`${at}: no value yet`);
});
