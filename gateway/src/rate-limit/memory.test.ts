import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Quota } from './limiter.ts';
import { memoryLimiter } from './memory.ts';

const QUOTA: Quota = { name: 'key/all/default', points: 3, windowMs: 60_000 };

describe('the memory limiter', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('allows as many points as the quota has, in a window that begins with the first', async () => {
    const limiter = memoryLimiter();
    const allowed = [];
    for (let i = 0; i < 5; i++) {
      allowed.push(await limiter.consume(QUOTA, 'a', 1));
      vi.advanceTimersByTime(1000);
    }
    expect(allowed.map((state) => [state.allowed, state.remaining, state.resetMs])).toEqual([
      [true, 2, 60_000],
      [true, 1, 59_000],
      [true, 0, 58_000],
      [false, 0, 57_000],
      [false, 0, 56_000],
    ]);
    vi.advanceTimersByTime(55_000);
    expect(await limiter.consume(QUOTA, 'a', 1)).toMatchObject({ allowed: true, remaining: 2 });
  });

  it('counts each subject and each quota for itself', async () => {
    const limiter = memoryLimiter();
    const other: Quota = { ...QUOTA, name: 'ip/all/default' };
    for (let i = 0; i < 4; i++) await limiter.consume(QUOTA, 'a', 1);
    expect((await limiter.consume(QUOTA, 'b', 1)).allowed).toBe(true);
    expect((await limiter.consume(other, 'a', 1)).allowed).toBe(true);
    expect((await limiter.consume(QUOTA, 'a', 1)).allowed).toBe(false);
  });

  it('charges nothing for a look, and tells whether one more point is free', async () => {
    const limiter = memoryLimiter();
    expect(await limiter.peek(QUOTA, 'a')).toEqual({ allowed: true, limit: 3, remaining: 3, resetMs: 0 });
    for (let i = 0; i < 3; i++) {
      expect((await limiter.peek(QUOTA, 'a')).allowed).toBe(true);
      await limiter.consume(QUOTA, 'a', 1);
    }
    expect(await limiter.peek(QUOTA, 'a')).toMatchObject({ allowed: false, remaining: 0, resetMs: 60_000 });
  });

  it('looks at no window that is over, even when its timer is late', async () => {
    const limiter = memoryLimiter();
    for (let i = 0; i < 3; i++) await limiter.consume(QUOTA, 'a', 1);
    vi.setSystemTime(Date.now() + 60_001);
    expect(await limiter.peek(QUOTA, 'a')).toMatchObject({ allowed: true, remaining: 3 });
  });

  it('forgets every subject when its window ends', async () => {
    const limiter = memoryLimiter();
    for (let i = 0; i < 1000; i++) await limiter.consume(QUOTA, `subject-${i}`, 1);
    expect(vi.getTimerCount()).toBe(1000);
    vi.advanceTimersByTime(60_000);
    expect(vi.getTimerCount()).toBe(0);
    expect((await limiter.peek(QUOTA, 'subject-1')).remaining).toBe(3);
  });
});
