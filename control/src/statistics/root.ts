/** Steps until the interval is as narrow as doubles allow. */
const STEPS = 60;

/** Where `rises`, negative at `low` and positive at `high`, becomes 0; it is evaluated only between them. */
export function rootBetween(low: number, high: number, rises: (x: number) => number): number {
  let below = low;
  let above = high;
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (below + above) / 2;
    if (rises(middle) < 0) below = middle;
    else above = middle;
  }
  return (below + above) / 2;
}
