import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Crop, Size } from '../placement.ts';
import { type Axis, axisOf, type Kernel, UNIT } from './axis.ts';
import { Canvas } from './canvas.ts';

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Pixels that any mistake in an address would change. */
function noise(width: number, height: number, seed: number): Picture {
  let state = seed | 1;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state >>> 24;
  });
  return { width, height, data };
}

/** The definition: each output line is the rounded weighted sum of its source lines. */
function weigh({ starts, weights, taps }: Axis, line: number, sourceAt: (line: number) => number): number {
  let sum = UNIT / 2;
  for (let tap = 0; tap < taps; tap += 1) {
    const weight = weights[line * taps + tap] as number;
    if (weight !== 0) sum += weight * sourceAt((starts[line] as number) + tap);
  }
  return Math.min(255, Math.max(0, Math.floor(sum / UNIT)));
}

/** Columns first, then rows, number by number. */
function plainly({ data, width }: Picture, crop: Crop, to: Size, axis: (from: number, to: number) => Axis) {
  const rows = axis(crop.height, to.height);
  const columns = axis(crop.width, to.width);
  const lineBytes = crop.width * 3;
  const at = (y: number, x: number) => data[((crop.top + y) * width + crop.left) * 3 + x] as number;
  const lines = Array.from({ length: to.height }, (_, row) =>
    Uint8Array.from({ length: lineBytes }, (_, x) => weigh(rows, row, (y) => at(y, x))),
  );
  return Uint8Array.from({ length: to.height * to.width * 3 }, (_, i) => {
    const [channel, column, row] = [i % 3, Math.floor(i / 3) % to.width, Math.floor(i / 3 / to.width)];
    return weigh(columns, column, (x) => lines[row]?.[x * 3 + channel] as number);
  });
}

function resized(canvas: Canvas, picture: Picture, crop: Crop, to: Size, kernel: Kernel = 'cubic') {
  canvas.picture(picture.data.byteLength).set(picture.data);
  return canvas.resize({ width: picture.width, channels: 3, crop, to, axis: (a, b) => axisOf(a, b, kernel) });
}

const side = fc.integer({ min: 1, max: 40 });

describe('a canvas', () => {
  it('gives exactly the weighted sums that the axes describe, for any picture, crop and size', () => {
    const canvas = new Canvas();
    fc.assert(
      fc.property(
        fc.record({
          width: side,
          height: side,
          left: fc.nat(9),
          top: fc.nat(9),
          right: fc.nat(9),
          below: fc.nat(9),
        }),
        fc.record({ width: side, height: side }),
        fc.constantFrom<Kernel>('cubic', 'linear'),
        fc.integer(),
        (sides, to, kernel, seed) => {
          const { left, top } = sides;
          const crop = { left, top, width: sides.width, height: sides.height };
          const picture = noise(left + crop.width + sides.right, top + crop.height + sides.below, seed);
          const expected = plainly(picture, crop, to, (a, b) => axisOf(a, b, kernel));
          expect(resized(canvas, picture, crop, to, kernel)).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('gives nearly the same pixels as sharp', async () => {
    const picture = noise(300, 260, 7);
    const { width, height, data } = picture;
    const soft = await sharp(data, { raw: { width, height, channels: 3 } })
      .blur(2)
      .raw()
      .toBuffer();
    const crop = { left: 21, top: 3, width: 250, height: 250 };
    const ours = resized(new Canvas(), { ...picture, data: soft }, crop, { width: 112, height: 112 });
    const theirs = await sharp(soft, { raw: { width, height, channels: 3 } })
      .extract({ left: 21, top: 3, width: 250, height: 250 })
      .resize(112, 112, { kernel: 'cubic', fit: 'fill' })
      .raw()
      .toBuffer();
    const differences = ours.map((pixel, i) => Math.abs(pixel - (theirs[i] as number)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(3);
    expect(differences.filter((difference) => difference > 1).length).toBeLessThan(differences.length / 100);
  });

  it('keeps white white and black black', () => {
    const canvas = new Canvas();
    for (const value of [0, 255]) {
      const picture = { width: 37, height: 37, data: new Uint8Array(37 * 37 * 3).fill(value) };
      const pixels = resized(
        canvas,
        picture,
        { left: 0, top: 0, width: 37, height: 37 },
        { width: 16, height: 16 },
      );
      expect(new Set(pixels)).toEqual(new Set([value]));
    }
  });

  it('grows with its pictures, and gives pixels that the next picture does not change', () => {
    const canvas = new Canvas();
    const to = { width: 8, height: 8 };
    const small = noise(9, 9, 1);
    const first = resized(canvas, small, { left: 0, top: 0, width: 9, height: 9 }, to);
    const copy = first.slice();
    const before = canvas.byteLength;
    resized(canvas, noise(900, 400, 2), { left: 100, top: 0, width: 400, height: 400 }, to);
    expect(canvas.byteLength).toBeGreaterThan(before);
    expect(first).toEqual(copy);
    expect(resized(canvas, small, { left: 0, top: 0, width: 9, height: 9 }, to)).toEqual(copy);
  });
});
