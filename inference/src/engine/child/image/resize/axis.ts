import type { Preprocessing } from '@headgate/contracts/manifest';

/** Kernels that weigh neighbours. `nearest` copies pixels and is not among them. */
export type Kernel = Exclude<Preprocessing['resample'], 'nearest'>;

/** How the lines of one axis become the output lines: output line i = sum of taps × source lines from starts[i] on. */
export interface Axis {
  /** First source line of each output line. */
  readonly starts: Int32Array;
  /** `taps` weights for each output line, one behind the other: numbers with 14 bits behind the point that sum up to 1. */
  readonly weights: Int16Array;
  /** Even; what an output line does not need has the weight 0, and may lie behind the last source line. */
  readonly taps: number;
}

/** 1 as a weight. */
export const UNIT = 1 << 14;

interface Filter {
  /** Weight is 0 from this distance on, in output lines. */
  readonly support: number;
  readonly weightAt: (distance: number) => number;
}

/** Keys' cubic convolution with a = -0.5 (IEEE ASSP 29, 1981), which Pillow and libvips call bicubic or cubic. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

const FILTERS: Readonly<Record<Kernel, Filter>> = {
  cubic: { support: 2, weightAt: cubic },
  linear: { support: 1, weightAt: (distance) => Math.max(0, 1 - Math.abs(distance)) },
};

/**
 * Weights with which `from` lines become `to` lines. When they become fewer, the kernel is widened accordingly, so
 * that every source line counts and nothing aliases. Lines beyond the edges count as absent.
 *
 * @param from source lines, at least 1
 * @param to output lines, at least 1
 */
export function axisOf(from: number, to: number, kernel: Kernel): Axis {
  const { support, weightAt } = FILTERS[kernel];
  const scale = from / to;
  const widening = Math.max(1, scale);
  const reach = support * widening;
  const needed = Math.min(from, 2 * Math.ceil(reach) + 1);
  const taps = needed + (needed % 2);
  const starts = new Int32Array(to);
  const weights = new Int16Array(to * taps);
  for (let line = 0; line < to; line += 1) {
    const centre = (line + 0.5) * scale;
    const start = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(from, Math.floor(centre + reach + 0.5));
    starts[line] = start;
    const exact = Array.from({ length: end - start }, (_, i) =>
      weightAt((start + i + 0.5 - centre) / widening),
    );
    weights.set(toUnits(exact), line * taps);
  }
  return { starts, weights, taps };
}

/** Axes of the last sizes that came: an axis costs 0.2 ms, and photos of one source have one size. */
const KEPT_AXES = 64;

/** `axisOf` that remembers. */
export function createAxes(kernel: Kernel): (from: number, to: number) => Axis {
  const axes = new Map<string, Axis>();
  return (from, to) => {
    const key = `${from}:${to}`;
    const axis = axes.get(key) ?? axisOf(from, to, kernel);
    // Behind the others: the first is the one that was not used for longest.
    axes.delete(key);
    axes.set(key, axis);
    const [oldest] = axes.keys();
    if (axes.size > KEPT_AXES && oldest !== undefined) axes.delete(oldest);
    return axis;
  };
}

/** Rounded so that they sum up to exactly 1: the heaviest one takes what rounding left over. */
function toUnits(exact: readonly number[]): number[] {
  const sum = exact.reduce((a, b) => a + b, 0);
  const units = exact.map((weight) => Math.round((weight / sum) * UNIT));
  const heaviest = units.indexOf(Math.max(...units));
  units[heaviest] = (units[heaviest] as number) + UNIT - units.reduce((a, b) => a + b, 0);
  return units;
}
