import type { Comparison, MetricResult } from '@headgate/contracts/admin/api';
import { expect, it } from 'vitest';
import { formatDifference, formatInterval, formatValue, leftOutOf, levelOf } from './words.ts';

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

it('says once which units do not count, of all metrics or of those it is true of', () => {
  const of = (metric: MetricResult['metric'], left_out: string) =>
    ({ metric, comparisons: [{ left_out } as Comparison] }) as unknown as MetricResult;
  const both = [of('accuracy', '5 of v2.'), of('reward', '5 of v2.')];
  expect(leftOutOf({ metrics: both })).toEqual(['5 of v2.']);
  expect(leftOutOf({ metrics: [...both, of('p95_ms', ''), of('latency_ms', '1 of v1.')] })).toEqual([
    'Accuracy and Reward: 5 of v2.',
    'Mean latency: 1 of v1.',
  ]);
});
