/** Sums over units of the values of a metric, as control/src/statistics/unit-sums.ts takes them. */
export interface Sums {
  readonly units: number;
  readonly sumX: number;
  readonly sumY: number;
  readonly sumXX: number;
  readonly sumYY: number;
  readonly sumXY: number;
}

/** Columns of one metric: `x` and `y` of each unit that has a value. */
export function columnsOf(name: string, x: string, y: string): string {
  return `count(*) FILTER (WHERE ${x} > 0)::int AS ${name}_units,
    sum(${x}) AS ${name}_x, sum(${y}) AS ${name}_y, sum((${x}) * (${x})) AS ${name}_xx,
    sum((${y}) * (${y})) AS ${name}_yy, sum((${x}) * (${y})) AS ${name}_xy`;
}

export type Row = Readonly<Record<string, unknown>>;

/** Reads the columns of a metric; 0 where the row lacks them. */
export function sumsOf(row: object, name: string): Sums {
  const of = (column: string) => Number((row as Row)[`${name}_${column}`] ?? 0);
  return {
    units: of('units'),
    sumX: of('x'),
    sumY: of('y'),
    sumXX: of('xx'),
    sumYY: of('yy'),
    sumXY: of('xy'),
  };
}
