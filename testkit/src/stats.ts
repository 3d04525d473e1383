/** The `p`-th percentile (0 to 100) by the nearest-rank method; NaN when there are no values. */
export function percentile(values: readonly number[], p: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((p / 100) * sorted.length));
  return sorted[rank - 1] as number;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** `p50 …, p95 …, p99 … ms` of durations in ms. */
export function summary(values: readonly number[]): string {
  const at = (p: number) => percentile(values, p).toFixed(1);
  return `p50 ${at(50)}, p95 ${at(95)}, p99 ${at(99)} ms`;
}

/**
 * The central interval that contains a binomial count with probability `confidence`: each tail has at most
 * (1 - confidence) / 2. Exact.
 *
 * @param trials number of independent draws
 * @param probability of each draw, in (0, 1)
 */
export function binomialInterval(trials: number, probability: number, confidence: number): [number, number] {
  const tail = (1 - confidence) / 2;
  let logMass = trials * Math.log1p(-probability);
  let below = 0;
  let low = -1;
  for (let k = 0; k <= trials; k += 1) {
    const mass = Math.exp(logMass);
    if (low < 0 && below + mass > tail) low = k;
    below += mass;
    if (below >= 1 - tail) return [low, k];
    logMass += Math.log((trials - k) / (k + 1)) + Math.log(probability) - Math.log1p(-probability);
  }
  return [low, trials];
}
