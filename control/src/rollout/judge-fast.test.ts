import { seeded } from '@headgate/testkit/random';
import { describe, expect, it } from 'vitest';
import type { WindowFigures } from '../figures/live-figures.ts';
import { NEW_EXCESS_TEST } from '../statistics/rare-rates.ts';
import { type FastFigures, judgeErrors, judgeLatency } from './judge-fast.ts';

/** All requests took between half of `ms` and `ms`. */
const served = (requests: number, errors = 0, ms = 64): WindowFigures => {
  const bounds = { lowMs: ms / 2, highMs: ms };
  const none = requests === 0;
  return {
    requests,
    errors,
    p50Ms: none ? null : ms * 0.75,
    p95Ms: none ? null : ms * 0.95,
    p99Ms: none ? null : ms,
    bounds: { p95_ms: none ? null : bounds, p99_ms: none ? null : bounds },
  };
};
const figures = (
  candidate: WindowFigures,
  control: WindowFigures,
  rest: Partial<FastFigures> = {},
): FastFigures => ({
  short: [],
  long: [{ candidate, control }],
  isComplete: true,
  isAlone: false,
  excess: NEW_EXCESS_TEST,
  ...rest,
});

describe('the error rate', () => {
  const errors = { metric: 'error_rate', max: 0.05, max_increase: 0.01 } as const;
  it.each([
    ['10 of 10', served(10, 10), served(90), 'fail'],
    ['3 of 10', served(10, 3), served(90), 'fail'],
    ['one or two of ten, which any version has', served(10, 2), served(90), 'no_data'],
    ['over the limit, by chance or not', served(1000, 70), served(90), 'no_data'],
    ['over the limit, not by chance', served(1000, 71), served(90), 'fail'],
    ['9 of 9: too few', served(9, 9), served(90), 'no_data'],
    ['at the limit', served(100, 5), served(900), 'pass'],
    ['where control fails as much', served(100, 50), served(900, 450), 'no_data'],
    ['where control fails less', served(100, 90), served(900, 90), 'fail'],
  ] as const)('%s', (_, candidate, control, verdict) => {
    expect(judgeErrors(errors, figures(candidate, control)).verdict).toBe(verdict);
  });

  it('sees a version that begins to fail after a long good time', () => {
    const short = [{ candidate: served(50, 50), control: served(450) }];
    const seen = figures(served(10_000, 50), served(90_000), { short });
    expect(judgeErrors(errors, seen)).toMatchObject({ verdict: 'fail', value: 1, samples: 50 });
  });
});

describe('versions that are equal and within the limit', () => {
  const RUNS = 300;
  const STEP_S = 300;

  /** One step: whether the candidate is rolled back, looked at each second. */
  const isRolledBack = (perSecond: number, rate: number, random: () => number): boolean => {
    const errors = [0];
    const last = (seconds: number, now: number) => {
      const from = Math.max(0, now - seconds);
      return served((now - from) * perSecond, (errors[now] ?? 0) - (errors[from] ?? 0));
    };
    for (let now = 1; now <= STEP_S; now += 1) {
      const failed = Array.from({ length: perSecond }, random).filter((drawn) => drawn < rate).length;
      errors.push((errors.at(-1) ?? 0) + failed);
      const control = served(9 * perSecond * now, Math.round(9 * perSecond * now * rate));
      const long = [10, 60, STEP_S].map((seconds) => ({ candidate: last(seconds, now), control }));
      const guardrail = { metric: 'error_rate', max: 0.05, max_increase: 0.01 } as const;
      if (judgeErrors(guardrail, figures(served(0), control, { long })).verdict === 'fail') return true;
    }
    return false;
  };

  it.each([
    [1, 0.01],
    [5, 0.01],
    [5, 0.02],
    [20, 0.02],
  ])('%i requests/s, errors %f: rolled back in one of fifty steps at most', (perSecond, rate) => {
    const random = seeded(1);
    const rolledBack = Array.from({ length: RUNS }, () => isRolledBack(perSecond, rate, random));
    expect(rolledBack.filter(Boolean).length / RUNS).toBeLessThanOrEqual(0.02);
  });
});

describe('latency', () => {
  const latency = { metric: 'p95_ms', max_ratio: 1.5 } as const;
  it.each([
    ['equal', served(100), served(900), 'pass'],
    ['in the next bucket, which may be half a percent more', served(100, 0, 128), served(900), 'pass'],
    ['certainly more than half more', served(100, 0, 256), served(900), 'fail'],
    ['few requests', served(99, 0, 512), served(900), 'no_data'],
    ['a control group without requests', served(900), served(0), 'no_data'],
  ] as const)('%s', (_, candidate, control, verdict) => {
    expect(judgeLatency(latency, figures(candidate, control)).verdict).toBe(verdict);
  });

  it('reads the last 15 minutes, or the whole step where they have few requests', () => {
    const [control, slow] = [served(900), served(2000, 0, 512)];
    const of = (requests: number) => [
      { candidate: served(requests), control },
      { candidate: slow, control },
    ];
    expect(judgeLatency(latency, figures(slow, control, { long: of(100) })).verdict).toBe('pass');
    expect(judgeLatency(latency, figures(slow, control, { long: of(99) })).verdict).toBe('fail');
  });

  it('has an absolute limit where nobody is left to compare with', () => {
    const alone = figures(served(200, 0, 512), served(0), { isAlone: true });
    expect(judgeLatency(latency, alone)).toMatchObject({ verdict: 'pass', control: null });
    expect(judgeLatency({ ...latency, max: 200 }, alone)).toMatchObject({ verdict: 'fail', limit: 200 });
  });
});
