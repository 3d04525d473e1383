/** Sums over units of the values of a metric, as control/src/statistics/unit-sums.ts takes them. */
export interface Sums {
  readonly units: number;
  readonly sumX: number;
  readonly sumY: number;
  readonly sumXX: number;
  readonly sumYY: number;
  readonly sumXY: number;
}

/** The same as columns of a statement: `x` and `y` of each unit, added up. */
export interface SumsRow {
  readonly units: number;
  readonly x: number;
  readonly y: number;
  readonly xx: number;
  readonly yy: number;
  readonly xy: number;
}

/** Zeros where no unit has a value. */
export function sumsOf(row: SumsRow | undefined): Sums {
  const { units = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0 } = row ?? {};
  return { units, sumX: x, sumY: y, sumXX: xx, sumYY: yy, sumXY: xy };
}
