import { BUCKETS, controlOf, type Experiment, type Variant } from '@headgate/contracts/routing';
import { murmur3 } from './murmur3.ts';

const utf8 = new TextEncoder();

/**
 * The bucket of a unit, in [0, 10,000): fixed for ever by salt and unit. 2^32 is not a multiple of 10,000, so
 * some buckets are 2.3 millionths likelier than others: far below what any experiment can see.
 */
export function bucketOf(salt: string, unit: string): number {
  return murmur3(utf8.encode(`${salt}:${unit}`)) % BUCKETS;
}

/**
 * The variant of a unit (decision 0006). The first treatment owns the buckets from the bottom up, the second from
 * the top down, the control what lies between: while a treatment grows, units only move from control to it.
 *
 * ```
 * 0 ──── treatment 1 ────▶ ········ control ········ ◀──── treatment 2 ──── 9,999
 * ```
 *
 * @param experiment as its schema accepts it: the weights sum to 100
 * @param unit any string; the same one always gets the same variant
 */
export function assign(experiment: Experiment, unit: string): Variant {
  return variantAt(experiment, bucketOf(experiment.salt, unit));
}

/** The variant that owns a bucket. */
export function variantAt(experiment: Experiment, bucket: number): Variant {
  const [, first, second] = experiment.variants;
  if (first && bucket < bucketsOf(first)) return first;
  if (second && bucket >= BUCKETS - bucketsOf(second)) return second;
  return controlOf(experiment);
}

/** Buckets of a variant: the first one, and the one after the last. */
export function bucketRange(experiment: Experiment, { name }: Variant): readonly [number, number] {
  const [, first, second] = experiment.variants;
  const low = first ? bucketsOf(first) : 0;
  const high = BUCKETS - (second ? bucketsOf(second) : 0);
  if (name === first?.name) return [0, low];
  return name === second?.name ? [high, BUCKETS] : [low, high];
}

/** Percent, at most two decimals, as whole buckets; rounded because 0.57 * 10,000 / 100 is 56.99999999999999. */
function bucketsOf(variant: Variant): number {
  return Math.round((variant.weight * BUCKETS) / 100);
}
