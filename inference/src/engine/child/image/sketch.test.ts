import { SKETCH_FEATURES, sketchOfRow } from '@headgate/contracts/sketch';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createSketcher, type PixelShape } from './sketch.ts';

const RGB: PixelShape = { width: 224, height: 224, channels: 3 };

function sketch(pixels: Uint8Array, shape = RGB) {
  const row = createSketcher(shape)({ pixels, width: 640, height: 480 });
  return sketchOfRow(new Uint8Array(row.buffer), 1);
}

/** An RGB picture by its coordinates. */
function picture(colourOf: (x: number, y: number) => readonly [number, number, number]): Uint8Array {
  const pixels = new Uint8Array(RGB.width * RGB.height * 3);
  for (let y = 0; y < RGB.height; y += 1) {
    for (let x = 0; x < RGB.width; x += 1) pixels.set(colourOf(x, y), (y * RGB.width + x) * 3);
  }
  return pixels;
}

const coffee = () =>
  sharp(new URL('../../../../../samples/coffee.png', import.meta.url).pathname)
    .resize(224, 224, { fit: 'fill' })
    .removeAlpha()
    .raw()
    .toBuffer();

const flat = (level: number) => picture(() => [level, level, level]);
const distance = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((value, i) => value - (b[i] as number)));

describe('a sketch', () => {
  it.each([
    [0, 0],
    [51, 0.2],
    [255, 1],
  ])(
    'of a flat picture of level %i has its brightness, and neither contrast nor edges',
    (level, brightness) => {
      const found = sketch(flat(level));
      expect(found).toMatchObject({ version: 1, width: 640, height: 480, sharpness: 0 });
      expect(found.brightness).toBeCloseTo(brightness, 6);
      expect(found.contrast).toBeCloseTo(0, 6);
    },
  );

  it('weighs colours as eyes do', () => {
    expect(sketch(picture(() => [255, 0, 0])).brightness).toBeCloseTo(0.299, 2);
    expect(sketch(picture(() => [0, 255, 0])).brightness).toBeCloseTo(0.587, 2);
    expect(sketch(picture(() => [0, 0, 255])).brightness).toBeCloseTo(0.114, 2);
  });

  it('of half black and half white has the contrast of a half', () => {
    const found = sketch(picture((x) => (x < 112 ? [0, 0, 0] : [255, 255, 255])));
    expect(found.brightness).toBeCloseTo(0.5, 6);
    expect(found.contrast).toBeCloseTo(0.5, 6);
  });

  it('of a board of single pixels has the variance of its Laplacian', () => {
    // A white pixel among black ones: -4, and 4 the other way round.
    const board = sketch(picture((x, y) => ((x + y) % 2 === 0 ? [255, 255, 255] : [0, 0, 0])));
    expect(board.sharpness).toBeGreaterThan(15);
    // Lines of two pixels: each point has one neighbour of the other colour.
    const lines = sketch(picture((x) => ((x >> 1) % 2 === 0 ? [255, 255, 255] : [0, 0, 0])));
    expect(lines.sharpness).toBeCloseTo(1, 1);
  });

  it.each([1, 2, 4, 8, 16])(
    'is not misled by lines whose period of %i × 2 is that of its points',
    (width) => {
      const { brightness, contrast } = sketch(
        picture((x, y) =>
          (Math.floor(x / width) + Math.floor(y / width)) % 2 === 0 ? [255, 255, 255] : [0, 0, 0],
        ),
      );
      expect(Math.abs(brightness - 0.5)).toBeLessThan(0.05);
      expect(Math.abs(contrast - 0.5)).toBeLessThan(0.01);
    },
  );

  it('loses sharpness with each blur', async () => {
    const sharpnessOf = async (sigma: number) => {
      const photo = await coffee();
      const picture = sharp(photo, { raw: { width: 224, height: 224, channels: 3 } });
      return sketch(sigma === 0 ? photo : await picture.blur(sigma).raw().toBuffer()).sharpness;
    };
    const [sharpest, blurred, worse] = [await sharpnessOf(0), await sharpnessOf(2), await sharpnessOf(8)];
    expect(sharpest).toBeGreaterThan(blurred);
    expect(blurred).toBeGreaterThan(worse);
  });

  it('finds of a photo what all of its pixels say, within a hundredth', async () => {
    const photo = await coffee();
    const luma = Array.from(
      { length: 224 * 224 },
      (_, i) =>
        (0.299 * (photo[3 * i] as number) +
          0.587 * (photo[3 * i + 1] as number) +
          0.114 * (photo[3 * i + 2] as number)) /
        255,
    );
    const mean = luma.reduce((sum, value) => sum + value, 0) / luma.length;
    const deviation = Math.sqrt(luma.reduce((sum, value) => sum + (value - mean) ** 2, 0) / luma.length);
    expect(Math.abs(sketch(photo).brightness - mean)).toBeLessThan(0.01);
    expect(Math.abs(sketch(photo).contrast - deviation)).toBeLessThan(0.01);
  });

  it('projects the same picture to the same features in every process', () => {
    const { features } = sketch(picture((x, y) => [x, y, 128]));
    expect(features.slice(0, 4).map((feature) => Number(feature.toFixed(4)))).toEqual([
      0.8384, 1.2132, -0.0735, 0.1823,
    ]);
  });

  it('keeps distances between pictures, on average over many pairs', () => {
    // Flat cells: the distance of the small pictures is known exactly.
    const ratios = Array.from({ length: 100 }, (_, seed) => {
      const levels = (salt: number) => (x: number, y: number) => {
        const level = ((x >> 5) * 7919 + (y >> 5) * 104_729 + (seed * 2 + salt) * 1_299_709) % 256;
        return [level, (level * 31) % 256, (level * 17) % 256] as const;
      };
      const [a, b] = [picture(levels(0)), picture(levels(1))];
      const cells = (pixels: Uint8Array) =>
        Array.from({ length: 49 }, (_, i) => ((i % 7) * 32 * 224 + Math.floor(i / 7) * 32) * 3).flatMap(
          (at) => [0, 1, 2].map((channel) => (pixels[at + channel] as number) / 255),
        );
      return distance(sketch(a).features, sketch(b).features) / distance(cells(a), cells(b));
    });
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    const spread = Math.max(...ratios) / Math.min(...ratios);
    expect(mean).toBeGreaterThan(0.8);
    expect(mean).toBeLessThan(1.4);
    expect(spread).toBeLessThan(2.5);
  });

  it('stays in its bounds for any pixels of any shape', () => {
    const shapes = fc.record({
      width: fc.integer({ min: 1, max: 70 }),
      height: fc.integer({ min: 1, max: 70 }),
      channels: fc.constantFrom(1, 3),
    });
    const images = shapes.chain((shape) => {
      const length = shape.width * shape.height * shape.channels;
      const random = fc.uint8Array({ minLength: length, maxLength: length });
      const extreme = fc.array(fc.constantFrom(0, 255), { minLength: length, maxLength: length });
      return fc.tuple(
        fc.constant(shape),
        fc.oneof(
          random,
          extreme.map((values) => Uint8Array.from(values)),
        ),
      );
    });
    fc.assert(
      fc.property(images, ([shape, pixels]) => {
        const { brightness, contrast, sharpness, features } = sketch(pixels as Uint8Array, shape);
        expect(brightness).toBeGreaterThanOrEqual(0);
        expect(brightness).toBeLessThanOrEqual(1);
        expect(contrast).toBeGreaterThanOrEqual(0);
        expect(contrast).toBeLessThanOrEqual(0.5);
        expect(sharpness).toBeGreaterThanOrEqual(0);
        expect(sharpness).toBeLessThanOrEqual(16);
        expect(features).toHaveLength(SKETCH_FEATURES);
        for (const feature of features) expect(Math.abs(feature)).toBeLessThanOrEqual(17);
      }),
    );
  });
});
