import type { Interval } from './confidence-sequence.ts';

/** Standard normal quantile of 0.975. */
export const Z = 1.959963984540054;

/**
 * 95 % interval of a share by Wilson's method, for display: valid for one look, and for independent trials. Wilson 1927,
 * "Probable Inference, the Law of Succession, and Statistical Inference".
 *
 * @param successes 0 to `trials`
 * @returns undefined without a trial; otherwise 0 <= low <= successes / trials <= high <= 1
 */
export function wilsonInterval(successes: number, trials: number): Interval | undefined {
  if (!(trials > 0)) return undefined;
  const share = successes / trials;
  const scale = 1 + Z ** 2 / trials;
  const center = (share + Z ** 2 / (2 * trials)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / trials + Z ** 2 / (4 * trials ** 2));
  // Rounding would leave a share of exactly 0 or 1 just outside.
  return {
    low: Math.min(share, Math.max(0, center - half)),
    high: Math.max(share, Math.min(1, center + half)),
  };
}
