import { seeded } from '@headgate/testkit/random';
import { describe, expect, it } from 'vitest';
import { kindOf } from './outcome.ts';
import { poissonArrivals } from './schedule.ts';

describe('Arrivals of the open model', () => {
  const arrivals = poissonArrivals(200, 60_000, seeded(1));

  it('come at the wanted rate, in order, within the run', () => {
    expect(arrivals.length).toBeGreaterThan(12_000 - 4 * Math.sqrt(12_000));
    expect(arrivals.length).toBeLessThan(12_000 + 4 * Math.sqrt(12_000));
    expect(arrivals).toEqual(arrivals.toSorted((a, b) => a - b));
    expect(arrivals.every((at) => at > 0 && at < 60_000)).toBe(true);
  });

  it('have the gaps of independent callers: their deviation is as large as their mean', () => {
    const gaps = arrivals.slice(1).map((at, index) => at - (arrivals[index] as number));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(deviation / mean).toBeCloseTo(1, 1);
  });

  it('are the same for the same seed and others for another', () => {
    expect(poissonArrivals(200, 60_000, seeded(1))).toEqual(arrivals);
    expect(poissonArrivals(200, 60_000, seeded(2))).not.toEqual(arrivals);
  });
});

it.each([
  ['ok', 'ok'],
  ['503 overloaded', 'refused'],
  ['8 overloaded', 'refused'],
  ['504 deadline_exceeded', 'expired'],
  ['4 deadline_exceeded', 'expired'],
  ['4 client gave up', 'expired'],
  ['client gave up', 'expired'],
  ['500', 'failed'],
  ['13 internal', 'failed'],
  ['ECONNRESET', 'failed'],
])('counts the outcome "%s" as %s', (outcome, kind) => {
  expect(kindOf(outcome)).toBe(kind);
});
