/**
 * Logarithm of an e-value against "the counts are multinomial with these probabilities": the likelihood of the counts
 * with probabilities drawn from a Dirichlet prior around the tested ones, over their likelihood with the tested ones.
 * While the hypothesis is true, the chance that it ever exceeds log(1 / alpha) is at most alpha, however often it is
 * looked at, and for every sample size. Howard, Ramdas, McAuliffe, Sekhon 2021, "Time-uniform, nonparametric,
 * nonasymptotic confidence sequences" (two categories); Lindon & Malek 2022, "Anytime-valid inference for multinomial
 * count data" (more).
 *
 * @param counts of each category, 0 or more
 * @param probabilities tested, each above 0, summing to 1
 * @param concentration pseudo-counts of the prior, above 0: large ones look for small deviations in large samples
 */
export function logMixture(
  counts: readonly number[],
  probabilities: readonly number[],
  concentration: number,
): number {
  let total = 0;
  let log = 0;
  probabilities.forEach((probability, index) => {
    const count = counts[index] ?? 0;
    const prior = concentration * probability;
    total += count;
    log += logGamma(prior + count) - logGamma(prior) - count * Math.log(probability);
  });
  return log + logGamma(concentration) - logGamma(concentration + total);
}

/** Concentration for which the interval of level 1 - alpha is narrowest at `tunedFor` samples; Howard et al., section 3.5. */
export function concentrationFor(tunedFor: number, alpha: number): number {
  const logAlpha = -2 * Math.log(alpha);
  return Math.max(tunedFor / (logAlpha + Math.log(1 + logAlpha)) - 1, 1e-3);
}

/** Coefficients of Stirling's series: Bernoulli number B(2k) over 2k (2k - 1). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360];

/** Logarithm of the gamma function for x > 0, to about 15 digits. */
export function logGamma(x: number): number {
  // The series is for large x: Γ(x) = Γ(x + 1) / x gets there.
  let shift = 0;
  let large = x;
  for (; large < 12; large += 1) shift += Math.log(large);
  let series = 0;
  let power = 1 / large;
  for (const coefficient of STIRLING) {
    series += coefficient * power;
    power /= large * large;
  }
  return (large - 0.5) * Math.log(large) - large + Math.log(2 * Math.PI) / 2 + series - shift;
}
