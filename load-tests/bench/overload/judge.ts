import { percentile } from '@headgate/testkit/stats';
import { type Curve, DEADLINE_MS, goodPerS, type Level } from './curve.ts';

/** What the cores of this machine can do in a second, in CPU-ms. */
export function coreMsPerS(cores: number): number {
  return cores * 1000;
}

/** The goodput that a door must keep at some level of load, in answers per second. */
export interface Allowance {
  readonly wanted: number;
  /** How it came about. */
  readonly how: string;
}

/** Nine tenths of the capacity, whatever the refusals cost. */
export function ninetyPercent({ capacityPerS }: Curve): Allowance {
  return { wanted: 0.9 * capacityPerS, how: '0.90 × capacity' };
}

/**
 * The capacity, less what the refusals of this level cost by the cost of one measured alone, client included,
 * less 5 %.
 */
export function lessRefusals({ capacityPerS, refusal }: Curve, level: Level, cores: number): Allowance {
  const perRefusalMs = refusal ? refusal.serverMs + refusal.clientMs : 0;
  const refusedPerS = (level.measured.latencies.refused.length * 1000) / level.measured.windowMs;
  const share = Math.min(1, (refusedPerS * perRefusalMs) / coreMsPerS(cores));
  return {
    wanted: capacityPerS * (1 - share - 0.05),
    how: `capacity − ${(share * 100).toFixed(0)} % for refusals − 5 %`,
  };
}

/** Times of every accepted request: answered, in time or not, or left to expire. */
export function accepted({ measured }: Level): number[] {
  const { ok, expired } = measured.latencies;
  return [...ok, ...expired];
}

export function isWithinDeadline(level: Level): boolean {
  return percentile(accepted(level), 99) <= DEADLINE_MS;
}

/** The curve whose goodput at the highest load is the median of several rounds. */
export function medianCurve(curves: readonly Curve[]): Curve | undefined {
  const good = (curve: Curve) => {
    const last = curve.levels.at(-1);
    return last ? goodPerS(last.measured) : 0;
  };
  const sorted = curves.toSorted((a, b) => good(a) - good(b));
  return sorted[Math.ceil(sorted.length / 2) - 1];
}
