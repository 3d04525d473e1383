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
