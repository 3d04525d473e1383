import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextPauseMs } from './backoff.ts';

describe('nextPauseMs', () => {
  it('triples at most, from the least pause to the longest', () => {
    const options = { minMs: 100, maxMs: 1000, random: () => 0.999999 };
    const pauses = [nextPauseMs(undefined, options)];
    for (let i = 0; i < 3; i += 1) pauses.push(nextPauseMs(pauses.at(-1), options));
    expect(pauses.map(Math.round)).toEqual([300, 900, 1000, 1000]);
    expect(nextPauseMs(500, { ...options, random: () => 0 })).toBe(100);
  });

  it('stays within its bounds whatever chance says', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 0, max: 10_000 }),
        unit,
        (min, more, at) => {
          let lastMs: number | undefined;
          for (let i = 0; i < 5; i += 1) {
            lastMs = nextPauseMs(lastMs, { minMs: min, maxMs: min + more, random: () => at });
            expect(lastMs).toBeGreaterThanOrEqual(min);
            expect(lastMs).toBeLessThanOrEqual(min + more);
          }
        },
      ),
    );
  });
});
