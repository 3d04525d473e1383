/** A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * When requests are due: a Poisson process, as independent callers make it.
 *
 * @param ratePerS mean arrivals per second, > 0
 * @returns times from the begin of the run, ascending, in ms, all below `durationMs`
 */
export function poissonArrivals(ratePerS: number, durationMs: number, random: () => number): number[] {
  const times: number[] = [];
  for (let at = gap(ratePerS, random); at < durationMs; at += gap(ratePerS, random)) times.push(at);
  return times;
}

function gap(ratePerS: number, random: () => number): number {
  return (-Math.log(1 - random()) * 1000) / ratePerS;
}
