import { seeded } from '@headgate/testkit/random';
import { differenceSequence, type Interval } from '../confidence-sequence.ts';
import { alphaOfEpoch, quantileDifference } from '../quantile-sequence.ts';
import { rootBetween } from '../root.ts';
import { type Estimate, estimateShare, NO_UNITS, type Unit, type UnitSums } from '../unit-sums.ts';
import { MINIMUM_UNITS, verdictOf } from '../verdict.ts';
import { normal, type Population, zipf } from './populations.ts';

/** The cases of the specification with E2E_FULL=1, else fewer. */
export const FULL = process.env.E2E_FULL === '1';

export interface StreamOptions {
  readonly control: Population;
  /** Absent: an A/A stream. */
  readonly treatment?: Population;
  /** Of the units, that the treatment gets. */
  readonly share?: number;
  /** Units after which a stream ends. */
  readonly units: number;
  /** Absent: the confidence sequence. */
  readonly interval?: (control: Estimate, treatment: Estimate) => Interval;
}

const ALPHA = 0.05;
const sequence = (control: Estimate, treatment: Estimate) =>
  differenceSequence(control, treatment, { alpha: ALPHA });

/** Looks after each unit until there is a verdict. Returns the number of units then; undefined when none came. */
export function unitsUntilVerdict(options: StreamOptions, seed: number): number | undefined {
  const { control, treatment = control, share = 0.5, units, interval = sequence } = options;
  const random = seeded(seed);
  const groups = [new Group(control), new Group(treatment)] as const;
  for (let count = 1; count <= units; count += 1) {
    groups[random() < share ? 1 : 0].take(random);
    const effective = Math.min(groups[0].effectiveUnits, groups[1].effectiveUnits);
    if (effective < MINIMUM_UNITS) continue;
    const [a, b] = [groups[0].estimate(), groups[1].estimate()];
    if (a === undefined || b === undefined) continue;
    const verdict = verdictOf({ interval: interval(a, b), higherIsBetter: true, units: effective });
    if (verdict !== 'no_difference_yet') return count;
  }
  return undefined;
}

/** Sums in place: streams have a hundred million units. */
class Group {
  readonly #population: Population;
  readonly #sums = { ...NO_UNITS };
  #estimate: Estimate | undefined;

  constructor(population: Population) {
    this.#population = population;
  }

  take(random: () => number): void {
    const { units } = this.#population;
    const { x, y } = units[Math.floor(random() * units.length)] as Unit;
    const sums = this.#sums;
    sums.units += 1;
    sums.sumX += x;
    sums.sumY += y;
    sums.sumXX += x * x;
    sums.sumYY += y * y;
    sums.sumXY += x * y;
    this.#estimate = undefined;
  }

  get effectiveUnits(): number {
    const { sumX, sumXX } = this.#sums;
    return sumXX === 0 ? 0 : (sumX * sumX) / sumXX;
  }

  estimate(): Estimate | undefined {
    this.#estimate ??= this.#population.estimate(this.#sums);
    return this.#estimate;
  }
}

/**
 * The same with users who come back: each of `requests` is of one of 2,000 users, a heavy one more often, and a user is one
 * unit whose sums grow. There is no difference. Looks after each request.
 */
export function returningUsersAlarm(requests: number, seed: number): boolean {
  const random = seeded(seed);
  const users = USER_SIZES.map(() => ({
    x: 0,
    y: 0,
    rate: 1 - 0.2 * random() ** 3,
    group: random() < 0.5 ? 0 : 1,
  }));
  const sums = [NO_UNITS, NO_UNITS];
  for (let count = 0; count < requests; count += 1) {
    const user = users[
      REQUESTS_OF[Math.floor(random() * REQUESTS_OF.length)] as number
    ] as (typeof users)[number];
    const after = { x: user.x + 1, y: user.y + (random() < user.rate ? 1 : 0) };
    sums[user.group] = replaceUnit(sums[user.group] as UnitSums, user, after);
    Object.assign(user, after);
    const [a, b] = [estimateShare(sums[0] as UnitSums), estimateShare(sums[1] as UnitSums)];
    const effective = Math.min(a?.effectiveUnits ?? 0, b?.effectiveUnits ?? 0);
    if (!a || !b || effective < MINIMUM_UNITS) continue;
    const verdict = verdictOf({ interval: sequence(a, b), higherIsBetter: true, units: effective });
    if (verdict !== 'no_difference_yet') return true;
  }
  return false;
}

const USER_SIZES = sizesOf(2000);
/** The user of each request, every user as often as it is large. */
const REQUESTS_OF = USER_SIZES.flatMap((size, user) => Array<number>(size).fill(user));

function sizesOf(users: number): number[] {
  const random = seeded(5);
  return Array.from({ length: users }, () => zipf(random));
}

function replaceUnit(sums: UnitSums, before: Unit, after: Unit): UnitSums {
  return {
    units: sums.units + (before.x === 0 ? 1 : 0),
    sumX: sums.sumX + after.x - before.x,
    sumY: sums.sumY + after.y - before.y,
    sumXX: sums.sumXX + after.x ** 2 - before.x ** 2,
    sumYY: sums.sumYY + after.y ** 2 - before.y ** 2,
    sumXY: sums.sumXY + after.x * after.y - before.x * before.y,
  };
}

/**
 * Latencies of 500 users who differ by a log-normal factor of deviation 0.5, and whose own vary by 0.2. Half of them come
 * in the first hour, the others in the eleven hours after it; then they come back each hour. The weights change each 12
 * hours, and users change groups. There is no difference of the 95th percentile. Looks each hour.
 *
 * @param taken latencies of a user and epoch: one, as control does, or one in each hour
 */
export function quantileAlarm(taken: 'once' | 'each hour', epochs: number, seed: number): boolean {
  const random = seeded(seed);
  const users = Array.from({ length: 500 }, () => ({
    typical: Math.exp(0.5 * normal(random)),
    firstHour: random() < 0.5 ? 0 : 1 + Math.floor(11 * random()),
  }));
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    const members = users.map((user) => ({ ...user, group: random() < 0.5 ? 0 : 1 }));
    const groups: [number[], number[]] = [[], []];
    for (let hour = 0; hour < 12; hour += 1) {
      for (const { typical, firstHour, group } of members) {
        const counts = taken === 'each hour' ? hour >= firstHour : hour === firstHour;
        if (counts) groups[group as 0 | 1].push(typical * Math.exp(0.2 * normal(random)));
      }
      const [a, b] = groups.map((values) => values.sort((x, y) => x - y)) as [number[], number[]];
      const found = quantileDifference(a, b, 0.95, alphaOfEpoch(ALPHA, epoch));
      if (found && (found.low > 0 || found.high < 0)) return true;
    }
  }
  return false;
}

export interface Rate {
  readonly streams: number;
  /** Of the streams, in percent. */
  readonly percent: number;
  /** Upper 99.9 % limit of it, exact. */
  readonly upper: number;
  /** The most that `upper` may be: 5 % and three standard errors, 5.65 % with 10,000 streams. */
  readonly limit: number;
}

/** How many of `streams` raise a false alarm. Every stream has its own seed. */
export function falseAlarms(streams: number, alarm: (seed: number) => boolean): Rate {
  let count = 0;
  for (let seed = 1; seed <= streams; seed += 1) if (alarm(seed * 7919)) count += 1;
  const limit = ALPHA + 3 * Math.sqrt((ALPHA * (1 - ALPHA)) / streams);
  return {
    streams,
    percent: (100 * count) / streams,
    upper: 100 * upperLimit(count, streams, 0.001),
    limit: 100 * limit,
  };
}

/** Clopper and Pearson: the rate with which at most `count` of `trials` has a chance of `tail`. */
function upperLimit(count: number, trials: number, tail: number): number {
  return rootBetween(count / trials, 1, (rate) => tail - atMost(count, trials, rate));
}

function atMost(count: number, trials: number, rate: number): number {
  let log = trials * Math.log1p(-rate);
  let sum = 0;
  for (let k = 0; k <= count; k += 1) {
    sum += Math.exp(log);
    log += Math.log(((trials - k) / (k + 1)) * (rate / (1 - rate)));
  }
  return sum;
}
