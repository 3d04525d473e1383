import type { Experiment } from '@headgate/contracts/routing';
import { assert, integer, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, bucketOf } from './assign.ts';

/** `buckets` of the treatments in hundredths of a percent; the control gets the rest. */
function experiment(salt: string, ...buckets: number[]): Experiment {
  const rest = 10_000 - buckets.reduce((sum, b) => sum + b, 0);
  const variants = [rest, ...buckets].map((b, i) => ({
    name: `v${i}`,
    version: `${i + 1}`,
    weight: b / 100,
  }));
  return { name: 'test', salt, variants };
}

const nameOf = (of: Experiment, unit: string) => assign(of, unit).name;
const units = (count: number) => Array.from({ length: count }, (_, i) => `user-${i}`);

/** Half-width of the binomial 99.9 % interval around n * p. */
const halfWidth = (n: number, p: number) => 3.2905 * Math.sqrt(n * p * (1 - p));

describe('assign', () => {
  it('gives the same unit the same variant', () => {
    assert(
      property(string(), string(), integer({ min: 0, max: 10_000 }), (salt, unit, b) => {
        expect(assign(experiment(salt, b), unit)).toEqual(assign(experiment(salt, b), unit));
      }),
    );
  });

  it('moves units only from control to the treatment that grows', () => {
    const weights = tuple(
      integer({ min: 0, max: 4000 }),
      integer({ min: 0, max: 4000 }),
      integer({ min: 0, max: 1000 }),
    );
    assert(
      property(string(), weights, integer({ min: 1, max: 2 }), (unit, [w1, w2, more], grown) => {
        const before = nameOf(experiment('s', w1, w2), unit);
        const after = nameOf(
          grown === 1 ? experiment('s', w1 + more, w2) : experiment('s', w1, w2 + more),
          unit,
        );
        if (after !== before) expect([before, after]).toEqual(['v0', `v${grown}`]);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['one treatment', [1000]],
    ['two treatments', [2500, 500]],
    ['a very small treatment', [25]],
  ])('splits 20,000 units by weight within the 99.9 %% interval: %s', (_, buckets) => {
    const of = experiment('split', ...buckets);
    const n = 20_000;
    const counts = Map.groupBy(units(n), (unit) => nameOf(of, unit));
    for (const { name, weight } of of.variants) {
      const p = weight / 100;
      expect(Math.abs((counts.get(name)?.length ?? 0) - n * p)).toBeLessThan(halfWidth(n, p));
    }
  });

  it('deals the units of two experiments independently', () => {
    const [a, b] = [experiment('a', 5000), experiment('b', 5000)];
    const both = units(4000).filter((unit) => nameOf(a, unit) === 'v1' && nameOf(b, unit) === 'v1').length;
    expect(Math.abs(both - 1000)).toBeLessThan(halfWidth(4000, 0.25));
  });

  it.each([
    [0, 'v0'],
    [100, 'v1'],
  ])('gives a treatment of %i %% everybody or nobody', (weight, name) => {
    expect(new Set(units(2000).map((unit) => nameOf(experiment('s', weight * 100), unit)))).toEqual(
      new Set([name]),
    );
  });

  it.each([1, 7, 57, 69, 9999])('honours a weight of %i hundredths of a percent exactly', (buckets) => {
    const of = experiment('s', buckets);
    const expected = (unit: string) => (bucketOf('s', unit) < buckets ? 'v1' : 'v0');
    for (const unit of units(20_000)) expect(nameOf(of, unit)).toBe(expected(unit));
  });

  it('always answers the control of an experiment without treatments', () => {
    expect(nameOf(experiment('s'), 'anyone')).toBe('v0');
  });
});

describe('bucketOf', () => {
  it('fills all ten thousand buckets evenly', () => {
    const counts = new Uint32Array(10_000);
    for (const unit of units(200_000))
      counts[bucketOf('salt', unit)] = (counts[bucketOf('salt', unit)] ?? 0) + 1;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 20) ** 2 / 20, 0);
    // 9,999 degrees of freedom: mean 9,999, standard deviation 141.4; 99.9 % lies within 3.29 of them.
    expect(Math.abs(chiSquare - 9999)).toBeLessThan(3.29 * 141.4);
  });

  it('stays what it was in earlier releases', () => {
    expect(
      ['a', 'user-1', 'Ünïcode', ''].map((unit) => bucketOf('fp32-vs-int8-1', unit)),
    ).toMatchInlineSnapshot(`
      [
        4747,
        5780,
        9299,
        8388,
      ]
    `);
  });
});
