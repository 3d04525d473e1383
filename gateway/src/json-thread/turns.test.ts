import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Turns } from './turns.ts';

describe('turns', () => {
  it('let a caller with one item go after one item of each other', () => {
    const turns = new Turns<string>();
    for (const item of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) turns.add(item[0] as string, item);
    expect(drained(turns)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('leave out what was taken out, and lose nothing else', () => {
    const item = fc.record({ caller: fc.constantFrom('a', 'b', 'c'), leaves: fc.boolean() });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const turns = new Turns<(typeof items)[number]>();
        for (const each of items) turns.add(each.caller, each);
        for (const each of items) if (each.leaves) turns.remove(each.caller, each);
        const got = drained(turns);
        for (const caller of ['a', 'b', 'c']) {
          const ofCaller = (some: typeof items) => some.filter((each) => each.caller === caller);
          expect(ofCaller(got)).toEqual(ofCaller(items).filter(({ leaves }) => !leaves));
        }
      }),
    );
  });
});

function drained<T>(turns: Turns<T>): T[] {
  const all: T[] = [];
  for (let next = turns.next(); next !== undefined; next = turns.next()) all.push(next);
  return all;
}
