import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

const config = { share: 0.2, min_retries: 2, window_ms: 1000 };

describe('RetryBudget', () => {
  it('allows its least number of retries however few calls there are, and no more', () => {
    const budget = new RetryBudget(config, () => 0);
    expect([budget.tryRetry(), budget.tryRetry(), budget.tryRetry()]).toEqual([true, true, false]);
  });

  it('allows a share of the calls of the window, and forgets them when it has passed', () => {
    let nowMs = 5000;
    const budget = new RetryBudget(config, () => nowMs);
    for (let i = 0; i < 100; i += 1) budget.countCall();
    const granted = Array.from({ length: 50 }, () => budget.tryRetry()).filter(Boolean);
    expect(granted).toHaveLength(20);
    nowMs += 1000;
    expect(Array.from({ length: 50 }, () => budget.tryRetry()).filter(Boolean)).toHaveLength(2);
  });

  it('never grants more than the share or the least number within any window', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (list) => {
        let nowMs = 0;
        const budget = new RetryBudget(config, () => nowMs);
        const calls: number[] = [];
        const retries: number[] = [];
        for (const [stepMs, isRetry] of list) {
          nowMs += stepMs;
          if (!isRetry) {
            budget.countCall();
            calls.push(nowMs);
          } else if (budget.tryRetry()) {
            retries.push(nowMs);
            // The window is whole tenths: what is certainly inside it, and what may be.
            const inside = retries.filter((at) => at > nowMs - 900).length;
            const behind = calls.filter((at) => at > nowMs - 1000).length;
            expect(inside).toBeLessThanOrEqual(Math.max(2, Math.floor(behind * 0.2)));
          }
        }
      }),
    );
  });
});
