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
  windows: [{ candidate, control }],
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
    ['one or two of ten, which any version has', served(10, 2), served(90), 'pass'],
    ['9 of 9: too few', served(9, 9), served(90), 'no_data'],
    ['at the limit', served(100, 5), served(900), 'pass'],
    ['where control fails as much', served(100, 50), served(900, 450), 'no_data'],
    ['where control fails less', served(100, 90), served(900, 90), 'fail'],
  ] as const)('%s', (_, candidate, control, verdict) => {
    expect(judgeErrors(errors, figures(candidate, control)).verdict).toBe(verdict);
  });

  it('sees a version that begins to fail after a long good time', () => {
    const windows = [
      { candidate: served(50, 50), control: served(450) },
      { candidate: served(10_000, 50), control: served(90_000) },
    ];
    expect(
      judgeErrors(errors, { windows, isComplete: true, isAlone: false, excess: NEW_EXCESS_TEST }),
    ).toMatchObject({
      verdict: 'fail',
      value: 1,
      samples: 50,
    });
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

  it('has an absolute limit where nobody is left to compare with', () => {
    const alone = figures(served(200, 0, 512), served(0), { isAlone: true });
    expect(judgeLatency(latency, alone)).toMatchObject({ verdict: 'pass', control: null });
    expect(judgeLatency({ ...latency, max: 200 }, alone)).toMatchObject({ verdict: 'fail', limit: 200 });
  });
});
