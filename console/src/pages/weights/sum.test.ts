import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePercent, partsOf, WHOLE, weightsOf, withPart } from './sum.ts';

const parts = (...percents: number[]) => partsOf(percents.map((weight, i) => ({ name: `v${i}`, weight })));
const percents = (of: ReturnType<typeof parts>) => Object.values(weightsOf(of));

describe('withPart', () => {
  it.each([
    ['control gives', [90, 10], 1, 25, [75, 25]],
    ['control takes', [75, 25], 1, 10, [90, 10]],
    ['control gives before another treatment', [60, 30, 10], 2, 50, [20, 30, 50]],
    ['another treatment gives what control has not', [60, 30, 10], 2, 80, [0, 20, 80]],
    ['the first treatment takes what control loses', [60, 30, 10], 0, 50, [50, 40, 10]],
    ['treatments give in their order', [60, 30, 10], 0, 95, [95, 0, 5]],
    ['too much is all', [90, 10], 1, 250, [0, 100]],
    ['less than nothing is nothing', [90, 10], 1, -5, [100, 0]],
    ['two decimals', [90, 10], 1, 0.01, [99.99, 0.01]],
  ])('%s', (_, before, index, percent, after) => {
    expect(percents(withPart(parts(...before), index, percent * 100))).toEqual(after);
  });

  it('always sums to the whole, and no share is negative', () => {
    const share = fc.integer({ min: 0, max: WHOLE });
    fc.assert(
      fc.property(
        share,
        share,
        fc.integer({ min: 0, max: 2 }),
        fc.double({ min: -1e5, max: 1e5, noNaN: true }),
        (a, b, index, to) => {
          const [low, high] = [Math.min(a, b), Math.max(a, b)];
          const before = [low, high - low, WHOLE - high].map((hundredths, i) => ({
            name: `v${i}`,
            hundredths,
          }));
          const after = withPart(before, index, to).map(({ hundredths }) => hundredths);
          expect(after.reduce((x, y) => x + y)).toBe(WHOLE);
          expect(Math.min(...after)).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});

describe('parsePercent', () => {
  it.each([
    ['0', 0],
    ['12.5', 1250],
    ['12,5', 1250],
    [' 100 ', 10_000],
    ['7.', 700],
    ['0.29', 29],
    ['', undefined],
    ['100.01', undefined],
    ['1e1', undefined],
    ['-1', undefined],
    ['12.345', undefined],
    ['ten', undefined],
  ])('reads %j as %j', (text, hundredths) => expect(parsePercent(text)).toBe(hundredths));
});
