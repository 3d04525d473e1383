import { figure } from '@headgate/testkit/figures';
import { seeded } from '@headgate/testkit/random';
import { describe, expect, it } from 'vitest';
import { addBlock, NEW_EXCESS_TEST } from './rare-rates.ts';
import { srmTest } from './srm.ts';
import { countOf, failingUsers, heavyLatencies, heavyUsers, plain, skewed } from './testing/populations.ts';
import {
  FULL,
  falseAlarms,
  quantileAlarm,
  type Rate,
  returningUsersAlarm,
  unitsUntilVerdict,
} from './testing/streams.ts';
import { type Estimate, estimateShare, type UnitSums } from './unit-sums.ts';

const STREAMS = FULL ? 10_000 : 1000;
const MINUTE_MS = 60_000;

/** A level of 95 %, a look after every unit, no difference: at most 5 % of the streams may ever show one. */
describe('false alarms of looking all the time', { timeout: 30 * MINUTE_MS }, () => {
  const cases = [
    { control: plain(0.95), units: FULL ? 10_000 : 2000 },
    { control: heavyUsers(), units: FULL ? 10_000 : 2000 },
  ];
  /** Where the method is weakest: rare events, few and large clusters, skewed values, a small group. */
  const hard = [
    { control: plain(0.995), units: 20_000, share: 0.1 },
    { control: failingUsers(0.05), units: 20_000, share: 0.1 },
    { control: heavyLatencies(), units: 20_000, share: 0.1 },
    { control: skewed(1), units: 20_000, share: 0.05 },
  ];

  it.each(cases)('of $control.name', (options) => {
    const rate = falseAlarms(STREAMS, (seed) => unitsUntilVerdict(options, seed) !== undefined);
    expectFew(`${options.control.name}, 50 % treatment`, rate);
  });

  it.skipIf(!FULL).each(hard)('of $control.name, with few treated', (options) => {
    const rate = falseAlarms(2000, (seed) => unitsUntilVerdict(options, seed) !== undefined);
    expectFew(`${options.control.name}, ${100 * options.share} % treatment`, rate);
  });

  it('of heavy users who come back', () => {
    const [streams, requests] = FULL ? [STREAMS, 6000] : [200, 4000];
    expectFew(
      'heavy users who come back',
      falseAlarms(streams, (seed) => returningUsersAlarm(requests, seed)),
    );
  });

  it.each([1, 6])('of p95 of users who come back, in %s epochs', (epochs) => {
    const rate = falseAlarms(FULL ? STREAMS : 200, (seed) => quantileAlarm('once', epochs, seed));
    expectFew(`p95 of users who come back, ${epochs} epochs`, rate);
  });

  it('of the SRM test, in a ramp of three epochs', () => {
    const ramp = [1, 10, 50];
    const unitsPerEpoch = FULL ? 1000 : 200;
    const rate = falseAlarms(STREAMS, (seed) => {
      const random = seeded(seed);
      const epochs: { weights: number[]; counts: [number, number] }[] = [];
      for (const weight of ramp) {
        const counts: [number, number] = [0, 0];
        epochs.push({ weights: [100 - weight, weight], counts });
        for (let unit = 0; unit < unitsPerEpoch; unit += 1) {
          counts[random() < weight / 100 ? 1 : 0] += 1;
          if (srmTest(epochs).pValue <= 0.05) return true;
        }
      }
      return false;
    });
    expectFew('SRM', rate);
  });

  it('of the test of an excess of failures, at its margin, while the rates change', () => {
    const rate = falseAlarms(STREAMS, (seed) => {
      const random = seeded(seed);
      let test = NEW_EXCESS_TEST;
      for (let second = 0; second < 300; second += 1) {
        const control = second % 100 < 20 ? 0.1 : 0.005;
        const failures = (requests: number, chance: number) => countOf(requests, () => random() < chance);
        const block = {
          control: { failures: failures(45, control), requests: 45 },
          candidate: { failures: failures(5, control + 0.01), requests: 5 },
        };
        test = addBlock(test, block, 0.01);
        if (test.logE >= Math.log(20)) return true;
      }
      return false;
    });
    expectFew('excess of failures', rate);
  });

  it.each([
    ['an interval for one look', { control: plain(0.95), interval: fixedHorizon }],
    ['requests as if each were a unit', { control: { ...failingUsers(0.05), estimate: byRequest } }],
  ])('would be many with %s: this test can tell', (method, options) => {
    const { percent } = falseAlarms(
      500,
      (seed) => unitsUntilVerdict({ ...options, units: 2000 }, seed) !== undefined,
    );
    expectMany(`500 A/A streams, of a method that is wrong: ${method}`, percent);
  });

  it('would be many with a latency of each unit in each hour: this test can tell', () => {
    const { percent } = falseAlarms(100, (seed) => quantileAlarm('each hour', 6, seed));
    expectMany(
      '100 A/A streams, of a method that is wrong: p95 of one latency of each unit and hour',
      percent,
    );
  });
});

function expectMany(name: string, percent: number): void {
  const passed = percent > 10;
  figure({ name: `False alarms, ${name}`, wanted: '> 10 %', got: `${percent.toFixed(1)} %`, passed });
  expect(passed).toBe(true);
}

function fixedHorizon(control: Estimate, treatment: Estimate) {
  const difference = treatment.value - control.value;
  const half = 1.96 * Math.sqrt(control.variance + treatment.variance);
  return { low: difference - half, high: difference + half };
}

function byRequest(sums: UnitSums): Estimate | undefined {
  const estimate = estimateShare(sums);
  return estimate && { ...estimate, variance: (estimate.value * (1 - estimate.value)) / sums.sumX };
}

function expectFew(name: string, { streams, percent, upper, limit }: Rate): void {
  figure({
    name: `False alarms, ${streams} A/A streams: ${name}`,
    wanted: `upper 99.9 % limit <= ${limit.toFixed(2)} %`,
    got: `${percent.toFixed(2)} %, upper limit ${upper.toFixed(2)} %`,
    passed: upper <= limit,
  });
  expect(upper).toBeLessThanOrEqual(limit);
}
