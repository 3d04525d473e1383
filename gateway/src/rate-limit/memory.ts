import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import type { Limiter, Quota, QuotaState } from './limiter.ts';

/**
 * Quotas counted in this process: fixed windows that begin with a subject's first request, forgotten when they end.
 * A refused request is counted too, but never lengthens its window.
 */
export function memoryLimiter(): Limiter {
  const counters = new Map<string, RateLimiterMemory>();

  const counterOf = ({ name, points, windowMs }: Quota): RateLimiterMemory => {
    const existing = counters.get(name);
    if (existing) return existing;
    const counter = new RateLimiterMemory({ keyPrefix: '', points, duration: windowMs / 1000 });
    counters.set(name, counter);
    return counter;
  };

  return {
    async consume(quota, subject, cost) {
      // penalty() counts like consume(), but answers instead of rejecting when the points are used up.
      return stateOf(quota, await counterOf(quota).penalty(subject, cost));
    },
    async peek(quota, subject) {
      const counted = await counterOf(quota).get(subject);
      // A counter may outlive its window by a moment: until its timer removes it.
      if (counted === null || counted.msBeforeNext <= 0) return untouched(quota);
      const state = stateOf(quota, counted);
      return { ...state, allowed: state.remaining > 0 };
    },
  };
}

function untouched({ points }: Quota): QuotaState {
  return { allowed: true, limit: points, remaining: points, resetMs: 0 };
}

function stateOf(quota: Quota, { consumedPoints, msBeforeNext }: RateLimiterRes): QuotaState {
  return {
    allowed: consumedPoints <= quota.points,
    limit: quota.points,
    remaining: Math.max(0, quota.points - consumedPoints),
    resetMs: Math.max(0, msBeforeNext),
  };
}
