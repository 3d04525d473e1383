/** Two-sided 95 % quantiles of Student's t by degrees of freedom; beyond 30 the normal one is near enough. */
const T_95 = [
  Number.NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]; // biome-ignore format: a table

function quantile(degrees: number): number {
  return T_95[degrees] ?? 1.96;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Slope {
  /** Units of y for each unit of x. */
  readonly slope: number;
  /** Half of the 95 % interval of the slope. */
  readonly halfWidth: number;
}

/**
 * Least squares through at least three points. The interval takes their deviations for independent: give it means of
 * blocks, not samples that follow each other closely.
 *
 * @throws RangeError for fewer than three points, or when all have the same x
 */
export function linearSlope(points: readonly Point[]): Slope {
  const count = points.length;
  if (count < 3) throw new RangeError('a slope with an interval needs at least three points');
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / count;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / count;
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  if (spread === 0) throw new RangeError('a slope needs points with different x');
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const residual = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, halfWidth: quantile(count - 2) * Math.sqrt(residual / (count - 2) / spread) };
}

/** Means of `count` blocks of points that follow each other, in x and in y; as many blocks as there are points at most. */
export function blockMeans(points: readonly Point[], count: number): Point[] {
  const size = Math.max(1, Math.floor(points.length / count));
  const blocks = Array.from({ length: Math.floor(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size),
  );
  return blocks.map((block) => ({
    x: block.reduce((sum, { x }) => sum + x, 0) / block.length,
    y: block.reduce((sum, { y }) => sum + y, 0) / block.length,
  }));
}
