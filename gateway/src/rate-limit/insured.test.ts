import { HeadgateError } from '@headgate/contracts/errors';
import { createPolicy } from '@headgate/runtime/resilience/policy';
import { noResilienceReport } from '@headgate/runtime/resilience/report';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freshQuota } from '../testing/limiter-suite.ts';
import { insuredLimiter, type LimiterMode, shareOf } from './insured.ts';
import type { Charge } from './limiter.ts';
import { memoryLimiter } from './memory.ts';

const FAILURES = 3;

/** A limiter whose store is in memory too, and can be taken away. */
function insured(mode: 'local_share' | 'closed' | 'open', replicas = 3) {
  let now = 0;
  const seen = { modes: [] as LimiterMode[], failures: 0, asked: 0 };
  const shared = memoryLimiter({ maxSubjects: 100, nowMs: () => now });
  let isDown = false;
  const guarded = <T>(work: () => Promise<T>): Promise<T> => {
    seen.asked += 1;
    return isDown ? Promise.reject(new Error('ECONNREFUSED')) : work();
  };
  const limiter = insuredLimiter({
    store: {
      consume: (charges) => guarded(() => shared.consume(charges)),
      debit: (charges) => guarded(() => shared.debit(charges)),
    },
    local: memoryLimiter({ maxSubjects: 100, nowMs: () => now }),
    policy: createPolicy({
      dependency: 'redis',
      report: noResilienceReport,
      nowMs: () => now,
      random: () => 0,
      config: {
        ...{ timeout_ms: 1000, concurrency: 100 },
        retry: {
          ...{ attempts: 0, backoff_min_ms: 1, backoff_max_ms: 1 },
          budget: { share: 0, min_retries: 0, window_ms: 1000 },
        },
        breaker: { failures: FAILURES, open_min_ms: 100, open_max_ms: 100 },
      },
    }),
    ...{ mode, replicas },
    report: {
      modeChanged: (current) => seen.modes.push(current),
      storeFailed: () => {
        seen.failures += 1;
      },
    },
  });
  const consume = async (charge: Omit<Charge, 'subject'>) =>
    (await limiter.consume([{ subject: 'a', ...charge }]))[0];
  return {
    ...{ limiter, seen, consume },
    setDown: (down: boolean) => {
      isDown = down;
    },
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('quotas while the store does not answer', () => {
  it('are local shares of the limit, if that is declared', async () => {
    const { consume, setDown } = insured('local_share');
    const quota = freshQuota(30);
    for (let i = 0; i < 5; i++) expect(await consume({ quota, cost: 1 })).toMatchObject({ limit: 30 });
    setDown(true);
    const allowed = [];
    for (let i = 0; i < 12; i++) allowed.push((await consume({ quota, cost: 1 }))?.allowed);
    expect(allowed).toEqual([...Array(10).fill(true), false, false]);
    expect(await consume({ quota, cost: 0 })).toMatchObject({ limit: 10, remaining: 0 });
  });

  it('admit nothing, if that is declared: 503, and when to come back', async () => {
    const { consume, setDown } = insured('closed');
    setDown(true);
    const refusal = await consume({ quota: freshQuota(30), cost: 1 }).catch((error) => error);
    expect(refusal).toBeInstanceOf(HeadgateError);
    expect(refusal).toMatchObject({ reason: 'unavailable', retryAfterMs: 1000 });
  });

  it('admit everything, if that is declared, but for guessing', async () => {
    const { limiter, consume, setDown } = insured('open');
    const quota = freshQuota(1);
    const guard = { ...freshQuota(6), isGuard: true };
    setDown(true);
    for (let i = 0; i < 5; i++) expect(await consume({ quota, cost: 1 })).toMatchObject({ allowed: true });
    const charges = [guard, quota].map((each) => ({ quota: each, subject: 'a', cost: 1 }));
    const both = async () => (await limiter.consume(charges)).map(({ allowed }) => allowed);
    expect([await both(), await both(), await both()]).toEqual([
      [true, true],
      [true, true],
      [false, true],
    ]);
  });

  it('take debits without an error', async () => {
    for (const mode of ['local_share', 'closed', 'open'] as const) {
      const { limiter, setDown } = insured(mode);
      setDown(true);
      await limiter.debit([{ quota: freshQuota(3), subject: 'a', cost: 1 }]);
    }
  });

  it('do not ask a dead store for each request, and show what is in force', async () => {
    const { consume, setDown, seen } = insured('local_share');
    setDown(true);
    for (let i = 0; i < 50; i++) await consume({ quota: freshQuota(9), cost: 1 });
    expect([seen.asked, seen.failures, seen.modes]).toEqual([FAILURES, 50, ['local_share']]);
  });

  it('are shared again by themselves, after one call that succeeded', async () => {
    const { consume, setDown, pass, seen } = insured('local_share');
    const quota = freshQuota(30);
    await consume({ quota, cost: 25 });
    setDown(true);
    for (let i = 0; i < FAILURES; i++) await consume({ quota, cost: 1 });
    setDown(false);
    expect((await consume({ quota, cost: 0 }))?.limit).toBe(10);
    pass(100);
    expect(await consume({ quota, cost: 1 })).toMatchObject({ limit: 30, remaining: 4 });
    expect(seen.modes).toEqual(['local_share', 'shared']);
  });
});

describe('a local share', () => {
  it('of all gateways together is at most the limit, and less by fewer points than there are gateways', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1000 }), (points, replicas) => {
        const { quota } = shareOf({ quota: freshQuota(points), subject: 'a', cost: 1 }, replicas);
        expect(quota.points).toBeGreaterThanOrEqual(1);
        if (points < replicas) return;
        expect(quota.points * replicas).toBeLessThanOrEqual(points);
        expect(quota.points * replicas).toBeGreaterThan(points - replicas);
      }),
    );
  });
});
