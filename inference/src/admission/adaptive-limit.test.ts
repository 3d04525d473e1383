import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdaptiveLimit } from './adaptive-limit.ts';

const limitOf = (min = 16, max = 80) => {
  const limit = new AdaptiveLimit({ targetShare: 0.5, windowMs: 100 });
  limit.resize({ min, max });
  return limit;
};
/** A window of samples that all took this share, of items that came after the one before. */
function window(limit: AdaptiveLimit, share: number, startMs: number): void {
  limit.observe(share, { queuedAtMs: startMs, nowMs: startMs + 1 });
  limit.observe(share, { queuedAtMs: startMs, nowMs: startMs + 101 });
}

describe('AdaptiveLimit', () => {
  it('begins at the upper bound: a burst on an idle server is no overload', () => {
    expect(limitOf().current).toBe(80);
  });

  it('shrinks by the gradient while items take more than the target share, and grows by its square root', () => {
    const limit = limitOf();
    window(limit, 0.8, 0);
    expect(limit.current).toBe(Math.floor((80 * 0.5) / 0.8 + Math.sqrt(80)));
    window(limit, 0.1, 200);
    expect(limit.current).toBe(Math.floor(58.94 + Math.sqrt(58.94)));
  });

  it('never halves faster than once in a window, however bad it is', () => {
    const limit = limitOf(1, 100);
    window(limit, 500, 0);
    expect(limit.current).toBe(60);
  });

  it('does not count items that came before its last change', () => {
    const limit = limitOf();
    window(limit, 1, 1000);
    const { current } = limit;
    for (let nowMs = 1102; nowMs < 3000; nowMs += 50) limit.observe(1, { queuedAtMs: 1050, nowMs });
    expect(limit.current).toBe(current);
  });

  it('takes a caller who left early for no sign, and one who left late for a sign of overload', () => {
    const limit = limitOf();
    limit.observeAtLeast(0.3, { queuedAtMs: 0, nowMs: 0 });
    limit.observeAtLeast(0.3, { queuedAtMs: 0, nowMs: 200 });
    expect(limit.current).toBe(80);
    limit.observeAtLeast(1, { queuedAtMs: 0, nowMs: 200 });
    limit.observeAtLeast(1, { queuedAtMs: 0, nowMs: 400 });
    expect(limit.current).toBeLessThan(80);
  });

  it('stays at the upper bound when engines come, and within the bounds when they go', () => {
    const limit = limitOf(0, 64);
    limit.resize({ min: 16, max: 80 });
    expect(limit.current).toBe(80);
    window(limit, 1, 0);
    limit.resize({ min: 64, max: 128 });
    expect(limit.current).toBe(64);
  });

  it('keeps its bounds, whatever it is told', () => {
    const sample = fc.record({ share: fc.double({ min: 0, max: 10, noNaN: true }), gapMs: fc.nat(300) });
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 200 }), (samples) => {
        const limit = limitOf();
        let nowMs = 0;
        for (const { share, gapMs } of samples) {
          nowMs += gapMs;
          limit.observe(share, { queuedAtMs: nowMs, nowMs });
          expect(limit.current).toBeGreaterThanOrEqual(16);
          expect(limit.current).toBeLessThanOrEqual(80);
        }
      }),
    );
  });
});
