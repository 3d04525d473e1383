import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeLimiter, freshQuota } from '../testing/limiter-suite.ts';
import type { Quota } from './limiter.ts';
import { memoryLimiter } from './memory.ts';

function limiterOf(maxSubjects: number) {
  let now = 1000;
  const limiter = memoryLimiter({ maxSubjects, nowMs: () => now });
  const pass = async (ms: number) => {
    now += ms;
  };
  const charge = async (quota: Quota, subject: string, cost: number) =>
    (await limiter.consume([{ quota, subject, cost }]))[0];
  return { limiter, pass, charge, slackMs: 0 };
}

const shared = limiterOf(10_000);
describeLimiter('the memory limiter', () => shared);

describe('the memory limiter, of whom it remembers', () => {
  it('forgets the subject whose window ends first when there is no more room', async () => {
    const { charge, pass } = limiterOf(2);
    const quota = freshQuota(3);
    await charge(quota, 'first', 3);
    await pass(1000);
    await charge(quota, 'second', 3);
    await charge(quota, 'first', 1);
    await charge(quota, 'third', 3);
    const allowed = ['first', 'second', 'third'].map(async (name) => (await charge(quota, name, 0))?.allowed);
    expect(await Promise.all(allowed)).toEqual([true, false, false]);
  });

  it('makes room for debits in the same way', async () => {
    const { limiter, charge } = limiterOf(1);
    const quota = freshQuota(3);
    for (const subject of ['a', 'b']) await limiter.debit([{ quota, subject, cost: 3 }]);
    expect((await charge(quota, 'a', 0))?.allowed).toBe(true);
    expect((await charge(quota, 'b', 0))?.allowed).toBe(false);
  });

  it('is at most so many subjects of a quota: always the last ones whose windows began', async () => {
    const step = fc.record({
      subject: fc.integer({ min: 0, max: 30 }).map(String),
      passMs: fc.integer({ min: 0, max: 40_000 }),
    });
    const steps = fc.array(step, { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 8 }), async (history, maxSubjects) => {
        const { charge, pass } = limiterOf(maxSubjects);
        const quota = freshQuota(1);
        // The model: subject and begin of each window that must be known, oldest first.
        let known: { subject: string; endsInMs: number }[] = [];
        for (const { subject, passMs } of history) {
          await pass(passMs);
          known = known
            .map((one) => ({ ...one, endsInMs: one.endsInMs - passMs }))
            .filter(({ endsInMs }) => endsInMs > 0);
          const isKnown = known.some((one) => one.subject === subject);
          expect((await charge(quota, subject, 1))?.allowed).toBe(!isKnown);
          if (!isKnown) known = [...known, { subject, endsInMs: quota.windowMs }].slice(-maxSubjects);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('counts a flood of addresses by the last ones alone', async () => {
    const { charge } = limiterOf(100);
    const quota = freshQuota(1);
    for (let i = 0; i < 5000; i++) await charge(quota, `address-${i}`, 1);
    const looks = Array.from({ length: 5000 }, (_, i) => charge(quota, `address-${i}`, 0));
    expect((await Promise.all(looks)).filter((state) => !state?.allowed)).toHaveLength(100);
  });
});
