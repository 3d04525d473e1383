/** Counts of one variant in one stretch of time. */
export class Tally {
  requests = 0;
  errors = 0;
  /** Upper bound in ms → requests that took at most as long, as Prometheus cumulates them. */
  readonly buckets = new Map<number, number>();

  get isEmpty(): boolean {
    return this.requests === 0 && [...this.buckets.values()].every((count) => count === 0);
  }

  count(requests: number, areErrors: boolean): void {
    this.requests += requests;
    if (areErrors) this.errors += requests;
  }

  observe(boundMs: number, count: number): void {
    this.buckets.set(boundMs, (this.buckets.get(boundMs) ?? 0) + count);
  }

  add({ requests, errors, buckets }: Tally, sign: 1 | -1 = 1): void {
    this.requests += sign * requests;
    this.errors += sign * errors;
    for (const [boundMs, count] of buckets) this.observe(boundMs, sign * count);
  }

  /** What was counted after `before`, an earlier copy of this tally. */
  since(before: Tally): Tally {
    const rest = new Tally();
    rest.add(this);
    rest.add(before, -1);
    return rest;
  }
}

export interface Bounds {
  readonly lowMs: number;
  /** Infinity in the last bucket. */
  readonly highMs: number;
}

interface Bucket extends Bounds {
  /** Samples below it, and in it. */
  readonly below: number;
  readonly within: number;
}

/** As `histogram_quantile` of Prometheus: linear within a bucket; null without samples. */
export function quantileMs(buckets: Tally['buckets'], share: number): number | null {
  const bucket = bucketOf(buckets, share);
  if (!bucket) return null;
  const { lowMs, highMs, below, within, total } = bucket;
  if (highMs === Infinity) return lowMs;
  return lowMs + ((highMs - lowMs) * (share * total - below)) / within;
}

/** Of the bucket that has the quantile; null without samples. */
export function boundsOf(buckets: Tally['buckets'], share: number): Bounds | null {
  const bucket = bucketOf(buckets, share);
  return bucket && { lowMs: bucket.lowMs, highMs: bucket.highMs };
}

function bucketOf(buckets: Tally['buckets'], share: number): (Bucket & { readonly total: number }) | null {
  const bounds = [...buckets].sort(([a], [b]) => a - b);
  const total = bounds.at(-1)?.[1] ?? 0;
  let [lowMs, below] = [0, 0];
  for (const [highMs, count] of bounds) {
    if (count > below && count >= share * total)
      return { lowMs, highMs, below, within: count - below, total };
    [lowMs, below] = [highMs, count];
  }
  return null;
}
