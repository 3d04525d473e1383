import { createHash } from 'node:crypto';
import { rowOfSketch, SKETCH_FEATURES } from '@headgate/contracts/sketch';
import type { Decoded } from './decode.ts';

/** Size of the pixels that every image of a model is brought to. */
export interface PixelShape {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** @returns one row of the output; contracts/src/sketch.ts says what its numbers mean */
export type SketchOf = (image: Decoded) => Float32Array;

/** Points in each direction whose colours are looked at, and those whose surroundings are: some thousand bytes. */
const TONE_POINTS = 48;
const EDGE_POINTS = 28;
/** Cells of the small picture in each direction. */
const CELLS = 8;
const COLOURS = 3;
/** Multiples of it fill [0, 1) evenly, and have no period. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const CELL_VALUES = CELLS * CELLS * COLOURS;

/** Weights of luminance (ITU-R BT.601) in 256ths, so that sums stay whole numbers. */
const [RED, GREEN, BLUE] = [77, 150, 29] as const;
const WHITE = 255 * 256;

/**
 * Sketches images of one model. The features are a random projection of a picture of 8 × 8 cells to 32 numbers: by the
 * lemma of Johnson and Lindenstrauss (Extensions of Lipschitz mappings into a Hilbert space, 1984) distances survive it,
 * and signs do as random numbers (Achlioptas, Database-friendly random projections, JCSS 66, 2003).
 */
export function createSketcher(shape: PixelShape): SketchOf {
  const tones = createTones(shape);
  const edges = createEdges(shape);
  return ({ pixels, width, height }) => {
    const { brightness, contrast, picture } = tones(pixels);
    return rowOfSketch({ width, height, brightness, contrast, sharpness: edges(pixels) }, project(picture));
  };
}

/** Luminance of a pixel, in [0, WHITE]; @param at offset of its first channel */
function lumaOf({ channels }: PixelShape): (pixels: Uint8Array, at: number) => number {
  const [green, blue] = channels === 1 ? [0, 0] : [1, 2];
  return (pixels, at) =>
    RED * (pixels[at] as number) +
    GREEN * (pixels[at + green] as number) +
    BLUE * (pixels[at + blue] as number);
}

/** Mean and deviation of the luminance, and the colours of each cell, in [-0.5, 0.5]. */
function createTones(shape: PixelShape) {
  const luma = lumaOf(shape);
  const [green, blue] = shape.channels === 1 ? [0, 0] : [1, 2];
  const columns = pointsOf(shape.width, TONE_POINTS);
  const rows = pointsOf(shape.height, TONE_POINTS);
  const count = rows.length * columns.length;
  const perCell = pointsPerCell(rows, columns);
  return (pixels: Uint8Array) => {
    const sums = new Float64Array(CELL_VALUES);
    let sum = 0;
    let squares = 0;
    for (const row of rows) {
      for (const column of columns) {
        const at = (row.at * shape.width + column.at) * shape.channels;
        const value = luma(pixels, at);
        const cell = (row.cell * CELLS + column.cell) * COLOURS;
        sum += value;
        squares += value * value;
        sums[cell] = (sums[cell] as number) + (pixels[at] as number);
        sums[cell + 1] = (sums[cell + 1] as number) + (pixels[at + green] as number);
        sums[cell + 2] = (sums[cell + 2] as number) + (pixels[at + blue] as number);
      }
    }
    const picture = sums.map((total, i) => total / 255 / (perCell[i] as number) - 0.5);
    const contrast = Math.sqrt(variance(sum, squares, count)) / WHITE;
    return { brightness: sum / count / WHITE, contrast, picture };
  };
}

/** Variance of the Laplacian. A neighbour beyond the border is the pixel itself. */
function createEdges(shape: PixelShape): (pixels: Uint8Array) => number {
  const luma = lumaOf(shape);
  const columns = pointsOf(shape.width, EDGE_POINTS);
  const rows = pointsOf(shape.height, EDGE_POINTS);
  const count = rows.length * columns.length;
  const down = shape.width * shape.channels;
  return (pixels) => {
    let sum = 0;
    let squares = 0;
    for (const row of rows) {
      for (const column of columns) {
        const at = row.at * down + column.at * shape.channels;
        const around =
          luma(pixels, at - row.before * down) +
          luma(pixels, at + row.after * down) +
          luma(pixels, at - column.before * shape.channels) +
          luma(pixels, at + column.after * shape.channels);
        const edge = around - 4 * luma(pixels, at);
        sum += edge;
        squares += edge * edge;
      }
    }
    return variance(sum, squares, count) / WHITE ** 2;
  };
}

/** A place that is looked at. */
interface Point {
  readonly at: number;
  /** Steps to the neighbours: 1, or 0 at a border. */
  readonly before: 0 | 1;
  readonly after: 0 | 1;
  readonly cell: number;
}

/**
 * One in each of so many equal parts, all of them where a side is short. Not always at the same place of its part, or a
 * pattern with the period of a part would look flat.
 */
function pointsOf(side: number, most: number): readonly Point[] {
  const count = Math.min(side, most);
  return Array.from({ length: count }, (_, i) => {
    const at = Math.floor(((i + ((i * GOLDEN) % 1)) * side) / count);
    return {
      at,
      before: at > 0 ? 1 : 0,
      after: at < side - 1 ? 1 : 0,
      cell: Math.floor((at * CELLS) / side),
    };
  });
}

/** For each value of the small picture; at least 1, since cells of tiny pictures may have no point. */
function pointsPerCell(rows: readonly Point[], columns: readonly Point[]): Float64Array {
  const counts = new Float64Array(CELL_VALUES);
  for (const row of rows) {
    for (const column of columns) {
      const cell = (row.cell * CELLS + column.cell) * COLOURS;
      for (let i = cell; i < cell + COLOURS; i += 1) counts[i] = (counts[i] as number) + 1;
    }
  }
  return counts.map((count) => Math.max(1, count));
}

/** Rounding may leave a hair below zero. */
function variance(sum: number, squares: number, count: number): number {
  return Math.max(0, squares / count - (sum / count) ** 2);
}

/** Scaled so that squared distances are kept on average. */
function project(picture: Float64Array): Float32Array {
  const features = new Float32Array(SKETCH_FEATURES);
  for (let feature = 0; feature < SKETCH_FEATURES; feature += 1) {
    const first = feature * CELL_VALUES;
    let total = 0;
    for (let i = 0; i < CELL_VALUES; i += 1) total += (SIGNS[first + i] as number) * (picture[i] as number);
    features[feature] = total / Math.sqrt(SKETCH_FEATURES);
  }
  return features;
}

const SIGNS = Float64Array.from(signs(SKETCH_FEATURES * CELL_VALUES));

/** ±1, the same in every process and language: the bits, lowest first, of SHA-256 over `headgate.sketch.1.0`, `….1.1` … */
function signs(count: number): Int8Array {
  const blocks = Array.from({ length: Math.ceil(count / 256) }, (_, i) =>
    createHash('sha256').update(`headgate.sketch.1.${i}`).digest(),
  );
  const bits = Buffer.concat(blocks);
  return Int8Array.from({ length: count }, (_, i) => (((bits[i >> 3] as number) >> (i & 7)) & 1 ? 1 : -1));
}
