export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Exponential backoff with decorrelated jitter: each pause is random between the least one and three times the one
 * before. Callers that failed together do not come back together.
 *
 * @param lastMs the pause before this one; undefined for the first
 * @returns ms, from minMs to maxMs
 */
export function nextPauseMs(lastMs: number | undefined, { minMs, maxMs, random }: BackoffOptions): number {
  const highestMs = Math.max(minMs, (lastMs ?? minMs) * 3);
  return Math.min(maxMs, minMs + random() * (highestMs - minMs));
}
