import type { Orientation } from '@headgate/contracts/image/orientation';
import type { Preprocessing } from '@headgate/contracts/manifest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Crop, place, placementOf, type Size, storedCrop, turnedSize } from './placement.ts';

const INPUT: Preprocessing = {
  version: 2,
  width: 8,
  height: 8,
  channels: 1,
  fit: 'crop',
  crop_fraction: 1,
  border: 0,
  orientation: 'apply',
  resample: 'cubic',
};
const at = (width: number, height: number, change: Partial<Preprocessing>) =>
  placementOf({ width, height }, { ...INPUT, ...change });

/** Where each shown pixel is stored, written out from the table of EXIF (CIPA DC-008, 4.6.5). */
const STORED: Record<Orientation, (x: number, y: number, stored: Size) => [number, number]> = {
  1: (x, y) => [x, y],
  2: (x, y, { width }) => [width - 1 - x, y],
  3: (x, y, { width, height }) => [width - 1 - x, height - 1 - y],
  4: (x, y, { height }) => [x, height - 1 - y],
  5: (x, y) => [y, x],
  6: (x, y, { height }) => [y, height - 1 - x],
  7: (x, y, { width, height }) => [width - 1 - y, height - 1 - x],
  8: (x, y, { width }) => [width - 1 - y, x],
};
const orientations = Object.keys(STORED).map(Number) as Orientation[];

describe('placementOf', () => {
  it.each<[string, Size, Partial<Preprocessing>, Crop]>([
    ['a square of a wide picture', { width: 45, height: 21 }, {}, { left: 12, top: 0, width: 21, height: 21 }],
    ['a share of it, rounded down', { width: 45, height: 45 }, { crop_fraction: 0.5 }, { left: 11, top: 11, width: 22, height: 22 }],
    ['a wide part for a wide input', { width: 100, height: 100 }, { width: 16, height: 9 }, { left: 0, top: 22, width: 100, height: 56 }],
    ['a tall part for a tall input', { width: 100, height: 40 }, { width: 9, height: 16 }, { left: 39, top: 0, width: 22, height: 40 }],
    ['at least one pixel', { width: 1, height: 3000 }, { crop_fraction: 0.1 }, { left: 0, top: 1499, width: 1, height: 1 }],
  ])('keeps %s', (_, { width, height }, change, crop) => {
    const input = { ...INPUT, ...change };
    const to = { width: input.width, height: input.height };
    expect(placementOf({ width, height }, input)).toEqual({ crop, to, left: 0, top: 0 });
  }); // biome-ignore format: one line a case reads as a table

  it('keeps for a square input exactly the square of floor(short side x fraction)', () => {
    const side = fc.integer({ min: 1, max: 20_000 });
    fc.assert(
      fc.property(side, side, fc.double({ min: 0.01, max: 1, noNaN: true }), (width, height, fraction) => {
        const square = Math.max(1, Math.floor(Math.min(width, height) * fraction));
        expect(at(width, height, { width: 224, height: 224, crop_fraction: fraction }).crop).toEqual({
          left: Math.floor((width - square) / 2),
          top: Math.floor((height - square) / 2),
          width: square,
          height: square,
        });
      }),
    );
  });

  it('takes the whole picture to the whole input where it is stretched', () => {
    expect(at(50, 9, { fit: 'stretch', crop_fraction: 0.5 })).toEqual({
      crop: { left: 0, top: 0, width: 50, height: 9 },
      to: { width: 8, height: 8 },
      left: 0,
      top: 0,
    });
  });

  it.each<[Size, Partial<Preprocessing>, object]>([
    [{ width: 16, height: 8 }, {}, { to: { width: 8, height: 4 }, left: 0, top: 2 }],
    [{ width: 8, height: 24 }, {}, { to: { width: 3, height: 8 }, left: 2, top: 0 }],
    [{ width: 4, height: 4 }, { width: 20 }, { to: { width: 8, height: 8 }, left: 6, top: 0 }],
    [{ width: 9000, height: 1 }, {}, { to: { width: 8, height: 1 }, left: 0, top: 3 }],
  ])('fits the whole of %j with a border around it', ({ width, height }, change, expected) => {
    const placement = at(width, height, { ...change, fit: 'letterbox', crop_fraction: 0.5 });
    expect(placement).toEqual({ crop: { left: 0, top: 0, width, height }, ...expected });
  });
});

describe('place', () => {
  it('shows what the stored part holds as the orientation says, in its place', () => {
    const side = fc.integer({ min: 1, max: 9 });
    const picture = fc.record({ width: side, height: side });
    const channels = fc.constantFrom(1 as const, 3 as const);
    fc.assert(
      fc.property(
        picture,
        fc.constantFrom(...orientations),
        channels,
        fc.nat(3),
        (stored, orientation, channels, gap) => {
          const shown = turnedSize(stored, orientation);
          const crop = {
            left: Math.min(1, shown.width - 1),
            top: Math.min(2, shown.height - 1),
            width: Math.max(1, shown.width - 3),
            height: Math.max(1, shown.height - 2),
          };
          crop.width = Math.min(crop.width, shown.width - crop.left);
          crop.height = Math.min(crop.height, shown.height - crop.top);
          const valueAt = (x: number, y: number, channel: number) =>
            1 + channel + channels * (y * stored.width + x);
          const cut = storedCrop(crop, stored, orientation);
          const pixels = Uint8Array.from({ length: cut.width * cut.height * channels }, (_, i) => {
            const pixel = Math.floor(i / channels);
            return valueAt(
              cut.left + (pixel % cut.width),
              cut.top + Math.floor(pixel / cut.width),
              i % channels,
            );
          });
          const input = {
            ...INPUT,
            channels,
            border: 255,
            width: crop.width + gap,
            height: crop.height + gap,
          };
          const placement = { crop, to: crop, left: gap, top: 0 };
          const expected = Uint8Array.from({ length: input.width * input.height * channels }, (_, i) => {
            const pixel = Math.floor(i / channels);
            const [x, y] = [(pixel % input.width) - gap, Math.floor(pixel / input.width)];
            if (x < 0 || y >= crop.height) return 255;
            const [column, row] = STORED[orientation](crop.left + x, crop.top + y, stored);
            return valueAt(column, row, i % channels);
          });
          expect(place({ pixels, orientation }, placement, input)).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives the same bytes, not a copy, where nothing is to be done', () => {
    const pixels = new Uint8Array(64);
    expect(place({ pixels, orientation: 1 }, at(8, 8, {}), INPUT)).toBe(pixels);
  });
});
