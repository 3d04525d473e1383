import { expect, it } from 'vitest';
import { MINIMUM_UNITS, verdictOf } from './verdict.ts';

const enough = { units: MINIMUM_UNITS, higherIsBetter: true };

it.each([
  [{ low: 0.01, high: 0.03 }, 'better'],
  [{ low: -0.03, high: -0.01 }, 'worse'],
  [{ low: -0.01, high: 0.01 }, 'no_difference_yet'],
  [{ low: 0, high: 0.01 }, 'no_difference_yet'],
])('says of the interval %o: %s', (interval, verdict) => {
  expect(verdictOf({ interval, ...enough })).toBe(verdict);
});

it('turns the verdict when lower is better', () => {
  expect(verdictOf({ interval: { low: 5, high: 9 }, ...enough, higherIsBetter: false })).toBe('worse');
  expect(verdictOf({ interval: { low: -9, high: -5 }, ...enough, higherIsBetter: false })).toBe('better');
});

it.each([
  ['no interval', { interval: undefined, ...enough }],
  ['a limit that is not a number', { interval: { low: Number.NaN, high: 1 }, ...enough }],
  ['an endless limit', { interval: { low: 1, high: Number.POSITIVE_INFINITY }, ...enough }],
  ['too few units', { interval: { low: 0.5, high: 0.6 }, ...enough, units: MINIMUM_UNITS - 1 }],
  ['no units', { interval: { low: 0.5, high: 0.6 }, ...enough, units: 0 }],
  ['a count that is not a number', { interval: { low: 0.5, high: 0.6 }, ...enough, units: Number.NaN }],
])('has no verdict for %s', (_, input) => {
  expect(verdictOf(input)).toBe('not_enough_data');
});
