import type { Interval } from './confidence-sequence.ts';
import { concentrationFor, logMixture } from './mixture.ts';
import { rootBetween } from './root.ts';

/** Exact methods for rates: valid from the first request on, for independent requests. */

export interface RateCounts {
  readonly failures: number;
  /** At least `failures`. */
  readonly requests: number;
}

/** Requests at which the interval of one rate is narrowest against its alternatives: the method is for few of them. */
const TUNED_FOR = 100;

/**
 * Confidence sequence for one rate: it covers the rate at all times at once with probability 1 - alpha. Beta-binomial
 * mixture of Howard, Ramdas, McAuliffe, Sekhon 2021, proposition 7, two-sided.
 *
 * @returns 0 <= low <= failures / requests <= high <= 1; [0, 1] without a request
 */
export function rateSequence({ failures, requests }: RateCounts, alpha: number): Interval {
  if (!(requests > 0)) return { low: 0, high: 1 };
  const concentration = concentrationFor(TUNED_FOR, alpha);
  const rate = failures / requests;
  const excess = (p: number) =>
    logMixture([failures, requests - failures], [p, 1 - p], concentration) + Math.log(alpha);
  return {
    low: failures === 0 ? 0 : rootBetween(0, rate, (p) => -excess(p)),
    high: failures === requests ? 1 : rootBetween(rate, 1, excess),
  };
}

/** Requests of both groups in the same time, such as one second: none is counted in two blocks. */
export interface RateBlock {
  readonly control: RateCounts;
  readonly candidate: RateCounts;
}

/** Evidence that a candidate fails more often than control. Plain data: a restart of the program may go on with it. */
export interface ExcessTest {
  /** Logarithm of the e-value. The candidate fails too often once it reaches log(1 / alpha). */
  readonly logE: number;
  /** All blocks before the next one. */
  readonly seen: RateBlock;
}

const NONE: RateCounts = { failures: 0, requests: 0 };
export const NEW_EXCESS_TEST: ExcessTest = { logE: 0, seen: { control: NONE, candidate: NONE } };

/**
 * Adds a block to the test of "the candidate's failure rate is at most that of control plus `margin`". While that is
 * true, the chance that the e-value ever reaches 1 / alpha is at most alpha, for any sizes of blocks, from the first
 * one on, and also when both rates change with time: only the difference within each block counts. Turner, Ly, Grünwald
 * 2024, "Generic E-variables for exact sequential k-sample tests that allow for optional stopping"; with a margin:
 * Turner & Grünwald 2023, "Exact anytime-valid confidence intervals for contingency tables and beyond".
 *
 * Each block is a bet: its likelihood with the rates estimated from the blocks before it, over that with the nearest
 * rates that the hypothesis allows.
 *
 * @param margin in [0, 1)
 */
export function addBlock(test: ExcessTest, block: RateBlock, margin: number): ExcessTest {
  const { control, candidate } = test.seen;
  const seen = {
    control: sumOf(control, block.control),
    candidate: sumOf(candidate, block.candidate),
  };
  const guess = [estimate(control), estimate(candidate)] as const;
  if (guess[1] - guess[0] <= margin) return { logE: test.logE, seen };
  const nearest = project(guess, block, margin);
  const logE =
    test.logE +
    logRatio(block.control, guess[0], nearest) +
    logRatio(block.candidate, guess[1], nearest + margin);
  return { logE, seen };
}

function sumOf(a: RateCounts, b: RateCounts): RateCounts {
  return { failures: a.failures + b.failures, requests: a.requests + b.requests };
}

/** Krichevsky and Trofimov's estimate: never 0 or 1, so no bet is ever ruinous. */
function estimate({ failures, requests }: RateCounts): number {
  return (failures + 0.5) / (requests + 1);
}

/** Rate of control for which (rate, rate + margin) is nearest to the guess by Kullback-Leibler divergence. */
function project([control, candidate]: readonly [number, number], block: RateBlock, margin: number): number {
  const slope = (p: number, guess: number) => (p - guess) / (p * (1 - p));
  return rootBetween(
    0,
    1 - margin,
    (p) =>
      block.control.requests * slope(p, control) + block.candidate.requests * slope(p + margin, candidate),
  );
}

/** Logarithm of the likelihood of the counts with rate `p` over that with rate `q`. */
function logRatio({ failures, requests }: RateCounts, p: number, q: number): number {
  return failures * Math.log(p / q) + (requests - failures) * Math.log((1 - p) / (1 - q));
}
