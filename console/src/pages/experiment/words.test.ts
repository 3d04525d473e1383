import { expect, it } from 'vitest';
import { formatDifference, formatInterval, formatValue, levelOf } from './words.ts';

it('gives a difference of shares in percentage points', () => {
  expect(formatDifference(0.0042, 'share')).toBe('+0.42 points');
  expect(formatInterval(-0.001, 0.0094, 'share')).toBe('−0.1 to +0.94 points');
  expect(formatValue(0.9975, 'share')).toBe('99.75\u202f%');
});

it('gives other differences in their own unit', () => {
  expect(formatDifference(-2.71, 'ms')).toBe('−2.71 ms');
  expect(formatInterval(-0.5, 0.25, 'none')).toBe('−0.5 to +0.25');
  expect(formatValue(0.123456, 'none')).toBe('0.123');
});

it('shows a dash where there is no number', () => {
  expect([formatValue(null, 'ms'), formatDifference(null, 'share'), formatInterval(null, 1, 'ms')]).toEqual([
    '–',
    '–',
    '–',
  ]);
});

it('takes 95 % for any level that is not offered', () => {
  expect(['90', '99', '95', '50', '<b>', null].map(levelOf)).toEqual([90, 99, 95, 95, 95, 95]);
});
