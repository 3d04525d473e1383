import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Limiter, Quota, QuotaState } from '../rate-limit/limiter.ts';

export interface LimiterUnderTest {
  readonly limiter: Limiter;
  /** Advances every window by `ms`. */
  pass(ms: number): Promise<void>;
  /** Ms that may go by between a charge and its answer. */
  readonly slackMs: number;
}

const MINUTE_MS = 60_000;
let last = 0;

/** A quota that no other test has. */
export function freshQuota(points: number, windowMs = MINUTE_MS): Quota {
  last += 1;
  return { name: `key/all/default/requests/60/${last}`, points, windowMs };
}

/** Behaviour of every limiter, in memory or in Redis. */
export function describeLimiter(name: string, under: () => LimiterUnderTest): void {
  const consume = async (quota: Quota, subject = 'a', cost = 1): Promise<QuotaState> => {
    const [state] = await under().limiter.consume([{ quota, subject, cost }]);
    return state as QuotaState;
  };
  const debit = (quota: Quota, cost: number) => under().limiter.debit([{ quota, subject: 'a', cost }]);

  describe(name, () => {
    it('allows as many points as the quota has, in a window that begins with the first', async () => {
      const quota = freshQuota(3);
      const states: QuotaState[] = [];
      for (let i = 0; i < 5; i++) {
        states.push(await consume(quota));
        await under().pass(1000);
      }
      expect(states.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
        [true, 2],
        [true, 1],
        [true, 0],
        [false, 0],
        [false, 0],
      ]);
      states.forEach(({ resetMs }, i) => {
        expect(resetMs).toBeLessThanOrEqual(MINUTE_MS - i * 1000);
        expect(resetMs).toBeGreaterThanOrEqual(MINUTE_MS - i * 1000 - under().slackMs);
      });
      await under().pass(MINUTE_MS - 5000);
      expect(await consume(quota)).toMatchObject({ allowed: true, remaining: 2 });
    });

    it('counts each subject and each quota for itself', async () => {
      const [quota, other] = [freshQuota(1), freshQuota(1)];
      await consume(quota);
      expect((await consume(quota, 'b')).allowed).toBe(true);
      expect((await consume(other)).allowed).toBe(true);
      expect((await consume(quota)).allowed).toBe(false);
    });

    it('answers several charges in their order, each by itself', async () => {
      const [small, large] = [freshQuota(1), freshQuota(10)];
      await consume(small);
      const states = await under().limiter.consume([
        { quota: large, subject: 'a', cost: 4 },
        { quota: small, subject: 'a', cost: 1 },
        { quota: large, subject: 'b', cost: 0 },
      ]);
      expect(states.map(({ allowed, limit, remaining }) => [allowed, limit, remaining])).toEqual([
        [true, 10, 6],
        [false, 1, 0],
        [true, 10, 10],
      ]);
    });

    it('charges nothing for a look, and tells whether one more point is free', async () => {
      const quota = freshQuota(2);
      const untouched = { allowed: true, limit: 2, remaining: 2, resetMs: 0 };
      for (let i = 0; i < 3; i++) expect(await consume(quota, 'a', 0)).toEqual(untouched);
      await consume(quota, 'a', 2);
      expect(await consume(quota, 'a', 0)).toMatchObject({ allowed: false, remaining: 0 });
      await under().pass(MINUTE_MS);
      expect(await consume(quota, 'a', 0)).toEqual(untouched);
    });

    it('takes nothing for a charge that does not fit', async () => {
      const quota = freshQuota(10);
      await consume(quota, 'a', 6);
      expect(await consume(quota, 'a', 5)).toMatchObject({ allowed: false, remaining: 4 });
      expect(await consume(quota, 'a', 4)).toMatchObject({ allowed: true, remaining: 0 });
    });

    it('tells whoever asks for more than the whole quota to wait a window, and begins none', async () => {
      const quota = freshQuota(10);
      expect(await consume(quota, 'a', 11)).toEqual({
        allowed: false,
        limit: 10,
        remaining: 10,
        resetMs: MINUTE_MS,
      });
      expect(await consume(quota, 'a', 0)).toMatchObject({ resetMs: 0 });
    });

    it('debits what was done, whether it is left or not, within the same window', async () => {
      const quota = freshQuota(10);
      await debit(quota, 8);
      expect(await consume(quota, 'a', 0)).toMatchObject({ allowed: true, remaining: 2 });
      await debit(quota, 8);
      expect(await consume(quota, 'a', 0)).toMatchObject({ allowed: false, remaining: 0 });
      await under().pass(MINUTE_MS);
      expect(await consume(quota, 'a', 0)).toMatchObject({ allowed: true, remaining: 10 });
    });

    it('never admits more than the points of a window, whatever is asked at once', async () => {
      const ask = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 40 });
      const property = fc.asyncProperty(ask, fc.integer({ min: 1, max: 60 }), async (costs, points) => {
        const quota = freshQuota(points);
        const states = await Promise.all(costs.map((cost) => consume(quota, 'a', cost)));
        const admitted = costs.filter((_, i) => states[i]?.allowed).reduce((sum, cost) => sum + cost, 0);
        expect(admitted).toBeLessThanOrEqual(points);
        expect((await consume(quota, 'a', 0)).remaining).toBe(points - admitted);
        // One that was refused would not fit now either.
        const refused = costs.filter((_, i) => !states[i]?.allowed);
        for (const cost of refused) expect(cost).toBeGreaterThan(points - admitted);
      });
      await fc.assert(property, { numRuns: 30 });
    });
  });
}
