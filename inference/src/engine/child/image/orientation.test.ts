import type { Preprocessing } from '@headgate/contracts/manifest';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { distance, waves, withOrientation } from '../../../testing/images.ts';
import { createDecoder } from './decode.ts';

const INPUT: Preprocessing = {
  version: 2,
  width: 24,
  height: 24,
  channels: 3,
  fit: 'crop',
  crop_fraction: 0.875,
  border: 77,
  orientation: 'apply',
  resample: 'cubic',
};
const decoder = (change: Partial<Preprocessing> = {}) =>
  createDecoder({ preprocessing: { ...INPUT, ...change }, maxPixels: 40_000_000, maxSide: 32_768 });

interface Raw {
  readonly data: Uint8Array;
  readonly info: { readonly width: number; readonly height: number; readonly channels: 1 | 2 | 3 | 4 };
}

/** Where a shown pixel is stored, written out from the table of EXIF (CIPA DC-008, 4.6.5); sides are the stored ones. */
const STORED: Record<number, (x: number, y: number, width: number, height: number) => [number, number]> = {
  1: (x, y) => [x, y],
  2: (x, y, width) => [width - 1 - x, y],
  3: (x, y, width, height) => [width - 1 - x, height - 1 - y],
  4: (x, y, _, height) => [x, height - 1 - y],
  5: (x, y) => [y, x],
  6: (x, y, _, height) => [y, height - 1 - x],
  7: (x, y, width, height) => [width - 1 - y, height - 1 - x],
  8: (x, y, width) => [width - 1 - y, x],
};
const ORIENTATIONS = Object.keys(STORED).map(Number);

/** Turns a whole picture before anything else, as a viewer does. */
function shown({ data, info }: Raw, orientation: number): Sharp {
  const { width, height, channels } = info;
  const [columns, rows] = orientation > 4 ? [height, width] : [width, height];
  const out = new Uint8Array(data.length);
  for (let i = 0; i < columns * rows; i += 1) {
    const [x, y] = STORED[orientation]?.(i % columns, Math.floor(i / columns), width, height) ?? [0, 0];
    out.set(data.subarray((y * width + x) * channels, (y * width + x + 1) * channels), i * channels);
  }
  return sharp(out, { raw: { width: columns, height: rows, channels } });
}

type Encode = (image: Sharp) => Sharp;
/** Each way in which a picture becomes pixels; odd sides, so that halves of pixels would show. */
const PATHS: Array<[string, [number, number], Encode, Partial<Preprocessing>?]> = [
  ['small JPEG', [201, 133], (image) => image.jpeg({ quality: 100, chromaSubsampling: '4:4:4' })],
  ['large JPEG, at a fraction of its size', [701, 453], (image) => image.jpeg({ quality: 100 })],
  ['large JPEG, in full', [1401, 953], (image) => image.jpeg({ quality: 100 }), { width: 300, height: 300 }],
  ['progressive JPEG', [201, 133], (image) => image.jpeg({ quality: 100, progressive: true })],
  ['CMYK JPEG', [201, 133], (image) => image.toColourspace('cmyk').jpeg({ quality: 100 })],
  ['grey JPEG', [133, 201], (image) => image.toColourspace('b-w').jpeg({ quality: 100 }), { channels: 1 }],
  ['small PNG', [121, 93], (image) => image.png()],
  ['large PNG', [801, 533], (image) => image.png()],
  ['interlaced PNG', [121, 93], (image) => image.png({ progressive: true })],
  ['PNG with a palette', [121, 93], (image) => image.png({ palette: true })],
  ['small WebP', [201, 133], (image) => image.webp({ lossless: true })],
  ['large WebP', [1401, 953], (image) => image.webp({ lossless: true }), { width: 150, height: 150 }],
  ['PNG of which single pixels are taken', [121, 93], (image) => image.png(), { resample: 'nearest' }],
  ['JPEG that is stretched', [201, 133], (image) => image.jpeg({ quality: 100 }), { fit: 'stretch', width: 31 }],
  ['PNG with a border', [121, 93], (image) => image.png(), { fit: 'letterbox', height: 40 }],
  ['large JPEG for a wide input', [701, 453], (image) => image.jpeg({ quality: 100 }), { width: 32, height: 18 }],
]; // biome-ignore format: one line a path reads as a table

const tagged = async (image: Sharp, orientation: number) =>
  withOrientation(await image.toBuffer(), orientation);

describe.each(PATHS)('a %s', (_, [width, height], encode, change) => {
  it('becomes what its upright copy becomes, whatever orientation it has', async () => {
    const stored = await sharp(await encode(waves(width, height)).toBuffer())
      .toColourspace(change?.channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const decode = decoder(change);
    for (const orientation of ORIENTATIONS) {
      const turned = await decode(await tagged(encode(waves(width, height)), orientation));
      const upright = await decode(await shown(stored, orientation).png().toBuffer());
      expect([orientation, turned.width, turned.height]).toEqual([
        orientation,
        upright.width,
        upright.height,
      ]);
      // A pixel of 24 x 24 that is beside its place differs by 40, turned ones by 80; rounding of JPEG and colours by 2.
      expect([orientation, Math.floor(distance(turned.pixels, upright.pixels) / 3)]).toEqual([
        orientation,
        0,
      ]);
    }
  });

  it('keeps its stored pixels and sides where the manifest ignores the orientation', async () => {
    const decode = decoder({ ...change, orientation: 'ignore' });
    const plain = await decode(await tagged(encode(waves(width, height)), 1));
    expect([plain.width, plain.height]).toEqual([width, height]);
    for (const orientation of [3, 6]) {
      expect(await decode(await tagged(encode(waves(width, height)), orientation))).toEqual(plain);
    }
  });
});
