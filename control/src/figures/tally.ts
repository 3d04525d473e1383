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

  add({ requests, errors, buckets }: Tally): void {
    this.requests += requests;
    this.errors += errors;
    for (const [boundMs, count] of buckets) this.observe(boundMs, count);
  }
}

/** As `histogram_quantile` of Prometheus: linear within a bucket; null without samples. */
export function quantileMs(buckets: Tally['buckets'], share: number): number | null {
  const bounds = [...buckets].sort(([a], [b]) => a - b);
  const total = bounds.at(-1)?.[1] ?? 0;
  if (total === 0) return null;
  const rank = share * total;
  let [lowerMs, below] = [0, 0];
  for (const [boundMs, count] of bounds) {
    if (count >= rank) {
      if (boundMs === Infinity) return lowerMs;
      return lowerMs + ((boundMs - lowerMs) * (rank - below)) / Math.max(count - below, 1e-9);
    }
    [lowerMs, below] = [boundMs, count];
  }
  return lowerMs;
}
