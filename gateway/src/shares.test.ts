import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Shares } from './shares.ts';

describe('shares', () => {
  it('give a lone caller half, and a second one half of the rest', () => {
    const shares = new Shares(512);
    expect(takeAll(shares, 'a')).toBe(256);
    expect(takeAll(shares, 'b')).toBe(128);
    expect(shares.take('c', 1)).toBeUndefined();
  });

  it('are equal once greedy callers have taken turns, and leave one more of them free', () => {
    const shares = new Shares(90);
    const callers = Array.from({ length: 8 }, (_, i) => `caller-${i}`);
    for (let round = 0; round < 90; round += 1) for (const caller of callers) shares.take(caller, 1);
    expect(callers.map((caller) => shares.heldBy(caller))).toEqual(Array(8).fill(10));
  });

  it('say whether the caller has its share, or no caller can have more', () => {
    const shares = new Shares(2);
    expect([shares.take('a', 1), shares.take('a', 1)]).toEqual([undefined, 'share']);
    expect([shares.take('b', 1), shares.take('c', 1)]).toEqual([undefined, 'all']);
    shares.give('a', 1);
    expect(shares.take('c', 1)).toBeUndefined();
  });

  it('take an amount whole or not at all, and serve one that is everything', () => {
    const shares = new Shares(10);
    expect([shares.take('a', 11), shares.heldBy('a')]).toEqual(['all', 0]);
    expect([shares.take('a', 10), shares.heldBy('a')]).toEqual([undefined, 10]);
  });

  it('never exceed the total, and refuse no caller that holds nothing while there is room, in any order of calls', () => {
    const step = fc.record({
      caller: fc.constantFrom('a', 'b', 'c', 'd'),
      amount: fc.integer({ min: 1, max: 9 }),
    });
    const total = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(total, fc.array(fc.tuple(fc.boolean(), step), { maxLength: 200 }), (total, steps) => {
        const shares = new Shares(total);
        const taken: { caller: string; amount: number }[] = [];
        const sum = (some: typeof taken) => some.reduce((all, { amount }) => all + amount, 0);
        for (const [gives, next] of steps) {
          if (gives) {
            const [first] = taken.splice(0, 1);
            if (first) shares.give(first.caller, first.amount);
            continue;
          }
          const free = total - sum(taken);
          const held = sum(taken.filter(({ caller }) => caller === next.caller));
          const expected = next.amount > free ? 'all' : held + next.amount > free ? 'share' : undefined;
          expect(shares.take(next.caller, next.amount)).toBe(expected);
          if (!expected) taken.push(next);
          expect(sum(taken)).toBeLessThanOrEqual(total);
          if (held === 0 && next.amount <= free) expect(expected).toBeUndefined();
        }
      }),
    );
  });
});

/** @returns how much the caller got, one by one */
function takeAll(shares: Shares, caller: string): number {
  while (shares.take(caller, 1) === undefined);
  return shares.heldBy(caller);
}
