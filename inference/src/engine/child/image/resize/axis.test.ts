import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axisOf, createAxes, UNIT } from './axis.ts';

const lines = fc.integer({ min: 1, max: 600 });
const kernel = fc.constantFrom('cubic', 'linear');

/** Weights of one output line. */
function weightsOf({ weights, taps }: ReturnType<typeof axisOf>, line: number): number[] {
  return [...weights.subarray(line * taps, (line + 1) * taps)];
}

describe('axisOf', () => {
  it('takes lines as they are when their number stays', () => {
    const axis = axisOf(5, 5, 'cubic');
    for (let line = 0; line < 5; line += 1) {
      const weights = weightsOf(axis, line);
      expect(weights.indexOf(UNIT) + (axis.starts[line] as number)).toBe(line);
      expect(weights.filter((weight) => weight !== 0)).toEqual([UNIT]);
    }
  });

  it('averages neighbours when lines become half as many', () => {
    const axis = axisOf(8, 4, 'linear');
    expect(axis.starts[1]).toBe(1);
    expect(weightsOf(axis, 1).slice(0, 4)).toEqual([UNIT / 8, (3 * UNIT) / 8, (3 * UNIT) / 8, UNIT / 8]);
  });

  it('gives every output line weights that sum up to one, none of them on a line that does not exist', () => {
    fc.assert(
      fc.property(lines, lines, kernel, (from, to, name) => {
        const axis = axisOf(from, to, name);
        expect(axis.taps % 2).toBe(0);
        for (let line = 0; line < to; line += 1) {
          const weights = weightsOf(axis, line);
          expect(weights.reduce((a, b) => a + b, 0)).toBe(UNIT);
          const start = axis.starts[line] as number;
          const last = start + weights.findLastIndex((weight) => weight !== 0);
          expect(start).toBeGreaterThanOrEqual(0);
          expect(last).toBeLessThan(from);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is the same from left and from right', () => {
    const axis = axisOf(437, 224, 'cubic');
    const spread = (line: number) =>
      weightsOf(axis, line).flatMap((weight, i) =>
        weight ? [[(axis.starts[line] as number) + i, weight]] : [],
      );
    const mirrored = spread(223).map(([at = 0, weight]) => [436 - at, weight]);
    expect(mirrored.reverse()).toEqual(spread(0));
  });
});

describe('createAxes', () => {
  it('remembers the sizes that came last', () => {
    const axes = createAxes('cubic');
    const first = axes(10, 5);
    expect(axes(10, 5)).toBe(first);
    for (let size = 1; size <= 70; size += 1) axes(100 + size, 5);
    expect(axes(10, 5)).not.toBe(first);
    expect(axes(10, 5)).toEqual(first);
  });
});
