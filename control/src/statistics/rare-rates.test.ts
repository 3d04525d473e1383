import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addBlock, type ExcessTest, NEW_EXCESS_TEST, type RateBlock, rateSequence } from './rare-rates.ts';

const counts = (max: number) =>
  fc
    .tuple(fc.nat(max), fc.nat(max))
    .map(([a, b]) => ({ failures: Math.min(a, b), requests: Math.max(a, b) }));
const block = (max: number) => fc.record({ control: counts(max), candidate: counts(max) });

/** The same numbers in every block. */
function afterBlocks(count: number, of: RateBlock, margin: number): ExcessTest {
  let test = NEW_EXCESS_TEST;
  for (let i = 0; i < count; i += 1) test = addBlock(test, of, margin);
  return test;
}

describe('the interval of one rate', () => {
  it('says nothing without a request', () => {
    expect(rateSequence({ failures: 0, requests: 0 }, 0.05)).toEqual({ low: 0, high: 1 });
  });

  it('contains the observed rate, and is mirrored when failures and successes change places', () => {
    fc.assert(
      fc.property(counts(2000), ({ failures, requests }) => {
        fc.pre(requests > 0);
        const { low, high } = rateSequence({ failures, requests }, 0.05);
        expect(low).toBeLessThanOrEqual(failures / requests);
        expect(high).toBeGreaterThanOrEqual(failures / requests);
        const mirrored = rateSequence({ failures: requests - failures, requests }, 0.05);
        expect(mirrored.low).toBeCloseTo(1 - high, 9);
        expect(mirrored.high).toBeCloseTo(1 - low, 9);
      }),
    );
  });

  it('is not certain of a rate of 0, and narrows with requests', () => {
    const highs = [10, 100, 1000, 10_000].map(
      (requests) => rateSequence({ failures: 0, requests }, 0.05).high,
    );
    expect(highs[0]).toBeGreaterThan(0.3);
    expect(highs).toEqual([...highs].sort((a, b) => b - a));
    expect(highs.at(-1)).toBeLessThan(0.001);
  });
});

describe('the test of an excess of failures', () => {
  it('bounds the difference, not the level: the same outage of both groups is no evidence', () => {
    const outage = { control: { failures: 18, requests: 45 }, candidate: { failures: 2, requests: 5 } };
    expect(afterBlocks(600, outage, 0.01).logE).toBeLessThanOrEqual(0);
  });

  it('finds a difference at a level that nobody would call an outage', () => {
    const worse = { control: { failures: 1, requests: 200 }, candidate: { failures: 1, requests: 20 } };
    expect(afterBlocks(100, worse, 0.01).logE).toBeGreaterThan(Math.log(1000));
  });

  it('is no evidence when the candidate is better, nor within the margin', () => {
    const better = { control: { failures: 10, requests: 100 }, candidate: { failures: 0, requests: 100 } };
    expect(afterBlocks(100, better, 0).logE).toBeLessThanOrEqual(0);
    const within = { control: { failures: 1, requests: 100 }, candidate: { failures: 2, requests: 100 } };
    expect(afterBlocks(1000, within, 0.02).logE).toBeLessThan(Math.log(20));
  });

  it('learns nothing from a group that has nothing to be compared with', () => {
    const alone = { control: { failures: 0, requests: 0 }, candidate: { failures: 50, requests: 50 } };
    expect(afterBlocks(20, alone, 0.01).logE).toBeCloseTo(0, 9);
  });

  it('wins nothing on average while the candidate is within the margin, whatever came before', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        block(40),
        fc.nat(4),
        fc.nat(4),
        share,
        share,
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (before, controls, candidates, control, below, margin) => {
          const candidate = below * Math.min(1, control + margin);
          const started = addBlock(NEW_EXCESS_TEST, before, margin);
          let expected = 0;
          for (let a = 0; a <= controls; a += 1) {
            for (let b = 0; b <= candidates; b += 1) {
              const next = addBlock(started, blockOf(a, controls, b, candidates), margin);
              const chance = binomial(a, controls, control) * binomial(b, candidates, candidate);
              expected += chance * Math.exp(next.logE - started.logE);
            }
          }
          expect(expected).toBeLessThanOrEqual(1 + 1e-9);
        },
      ),
    );
  });
});

function blockOf(a: number, controls: number, b: number, candidates: number): RateBlock {
  return { control: { failures: a, requests: controls }, candidate: { failures: b, requests: candidates } };
}

/** Chance of `k` failures of `n`. */
function binomial(k: number, n: number, p: number): number {
  let ways = 1;
  for (let i = 0; i < k; i += 1) ways *= (n - i) / (i + 1);
  return ways * p ** k * (1 - p) ** (n - k);
}
