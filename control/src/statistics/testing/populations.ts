import { seeded } from '@headgate/testkit/random';
import { type Estimate, estimateMean, estimateShare, type Unit, type UnitSums } from '../unit-sums.ts';

/** Units of an imagined service, and how its metric is estimated. Streams draw from it with replacement. */
export interface Population {
  readonly name: string;
  readonly units: readonly Unit[];
  readonly estimate: (sums: UnitSums) => Estimate | undefined;
}

const SIZE = 50_000;

function population(
  name: string,
  estimate: Population['estimate'],
  unit: (random: () => number) => Unit,
): Population {
  const random = seeded(12);
  return { name, estimate, units: Array.from({ length: SIZE }, () => unit(random)) };
}

/** One request of each unit succeeds with this chance. */
export const plain = (rate: number): Population =>
  population(`one request per unit, ${100 * rate} % succeed`, estimateShare, (random) => ({
    x: 1,
    y: random() < rate ? 1 : 0,
  }));

/** 1 to 500 requests of each unit, by Zipf; units differ in their success rate, from 80 to 100 %. */
export const heavyUsers = (): Population =>
  population('heavy users', estimateShare, (random) => {
    const x = zipf(random);
    const rate = 1 - 0.2 * random() ** 3;
    return { x, y: countOf(x, () => random() < rate) };
  });

/** Heavy users of which some always fail, such as those whose format is not supported. */
export const failingUsers = (share: number): Population =>
  population(`heavy users, ${100 * share} % always fail`, estimateShare, (random) => {
    const x = zipf(random);
    return { x, y: random() < share ? 0 : x };
  });

/** Milliseconds of heavy users: log-normal between and within units. */
export const heavyLatencies = (): Population =>
  population('latency of heavy users', estimateMean, (random) => {
    const x = zipf(random);
    const typical = 20 * Math.exp(0.5 * normal(random));
    let y = 0;
    for (let i = 0; i < x; i += 1) y += typical * Math.exp(0.8 * normal(random));
    return { x, y };
  });

/** One log-normal value of each unit; `spread` 1 has a skewness of 6. */
export const skewed = (spread: number): Population =>
  population('skewed latency, one request per unit', estimateMean, (random) => ({
    x: 1,
    y: 20 * Math.exp(spread * normal(random)),
  }));

/** Sizes 1 to 500, each with a chance inverse to it: a mean of 74, and 3.4 units to an effective one. */
export function zipf(random: () => number): number {
  const wanted = random() * (SIZE_SUMS.at(-1) ?? 0);
  let low = 0;
  let high = SIZE_SUMS.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((SIZE_SUMS[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low + 1;
}

const SIZE_SUMS: readonly number[] = Array.from({ length: 500 }).reduce<number[]>((sums, _, index) => {
  sums.push((sums.at(-1) ?? 0) + 1 / (index + 1));
  return sums;
}, []);

/** How many of `trials` succeed. */
export function countOf(trials: number, succeeds: () => boolean): number {
  let count = 0;
  for (let i = 0; i < trials; i += 1) if (succeeds()) count += 1;
  return count;
}

/** Standard normal, by Box and Muller. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
