/**
 * What a model saw of an image, in a few numbers: the base for telling that inputs drift, without the images. Made by
 * the engine from the pixels that it runs on (inference/src/engine/child/image/sketch.ts says how), only for callers who ask.
 */

/** Grows when the same image would give other numbers: sketches of different versions are never compared. */
export const SKETCH_VERSION = 1;

/** Projected features of an image. */
export const SKETCH_FEATURES = 32;

export interface Sketch {
  readonly version: number;
  /** Size of the image as it was sent, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Mean luminance, in [0, 1]. */
  readonly brightness: number;
  /** Standard deviation of the luminance, in [0, 0.5]. */
  readonly contrast: number;
  /** Variance of the Laplacian of the luminance, in [0, 16]: low for what is out of focus. */
  readonly sharpness: number;
  /** Random projection of a small picture: distances between images survive it. Each in [-17, 17]. */
  readonly features: readonly number[];
}

/** Parameter of a request that asks for sketches, and output that has them: FP32 [n, 37], with its `version`. */
export const SKETCH = {
  parameter: 'headgate_sketch',
  output: 'headgate_sketch',
  version: 'version',
} as const;

const SCALARS = 5;

/** Numbers of one sketch: width, height, brightness, contrast, sharpness, features. */
export const SKETCH_LENGTH = SCALARS + SKETCH_FEATURES;

/** Reads one row of the output. @param row raw block of 37 FP32, little-endian; need not be aligned */
export function sketchOfRow(row: Uint8Array, version: number): Sketch {
  if (row.byteLength !== SKETCH_LENGTH * 4) throw new RangeError(`a sketch has ${SKETCH_LENGTH} numbers`);
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  const at = (index: number) => view.getFloat32(index * 4, true);
  return {
    version,
    width: at(0),
    height: at(1),
    brightness: at(2),
    contrast: at(3),
    sharpness: at(4),
    features: Array.from({ length: SKETCH_FEATURES }, (_, i) => at(SCALARS + i)),
  };
}

/** A sketch as one row of the output. */
export function rowOfSketch(
  sketch: Omit<Sketch, 'version' | 'features'>,
  features: Float32Array,
): Float32Array {
  const { width, height, brightness, contrast, sharpness } = sketch;
  const row = new Float32Array(SKETCH_LENGTH);
  row.set([width, height, brightness, contrast, sharpness]);
  row.set(features, SCALARS);
  return row;
}
