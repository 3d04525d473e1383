import type { Preprocessing } from '@headgate/contracts/manifest';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { distance, target, waves } from '../../../testing/images.ts';
import { createDecoder } from './decode.ts';

const RGB: Preprocessing = {
  version: 1,
  width: 32,
  height: 32,
  channels: 3,
  fit: 'crop',
  crop_fraction: 0.5,
  border: 0,
  orientation: 'apply',
  resample: 'cubic',
};
const GREY: Preprocessing = { ...RGB, channels: 1 };
const MAX_PIXELS = 40_000_000;
/** Pixels alone. */
const decoder = (preprocessing = RGB) => {
  const decode = createDecoder({ preprocessing, maxPixels: MAX_PIXELS, maxSide: 32_768 });
  return async (bytes: Uint8Array) => (await decode(bytes)).pixels;
};
const pixel = (pixels: Uint8Array, i = 16 * 32 + 16) => [...pixels.subarray(i * 3, i * 3 + 3)];

describe('createDecoder', () => {
  it.each(['jpeg', 'png', 'webp'] as const)(
    'keeps the centred square of a %s and drops what surrounds it',
    async (format) => {
      const pixels = await decoder()(await target(200, 120).toFormat(format, { quality: 100 }).toBuffer());
      expect(pixels).toHaveLength(32 * 32 * 3);
      expect(
        distance(
          pixels,
          Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i % 3 === 2 ? 255 : 0)),
        ),
        // A lossy codec rounds flat colours by a few levels; a crop off by one column of 32 would cost 7.
      ).toBeLessThan(5);
    },
  );

  it('cuts the crop at floor(short side x fraction), as the reference does', async () => {
    // 45 x 0.5 = 22.5: the square is 22 wide, so that no column of the border is in it.
    const pixels = await decoder()(await target(45, 45).png().toBuffer());
    expect(pixel(pixels, 0)).toEqual([0, 0, 255]);
  });

  it('decodes JPEG with libjpeg-turbo and with sharp to nearly the same pixels', async () => {
    const picture = waves(90, 90);
    const turbo = await decoder()(await picture.jpeg({ quality: 95 }).toBuffer());
    const reference = await decoder()(await picture.png().toBuffer());
    expect(distance(turbo, reference)).toBeLessThan(3);
  });

  it('gives a JPEG the same pixels whatever was decoded before it and is decoded beside it', async () => {
    const files = await Promise.all(
      [150, 60, 90, 120, 61].map((side) =>
        waves(side, side + 7)
          .jpeg()
          .toBuffer(),
      ),
    );
    const fresh = await Promise.all(files.map((file) => decoder()(file)));
    const used = decoder();
    expect(await Promise.all(files.map(used))).toEqual(fresh);
    expect(await Promise.all(files.toReversed().map(used))).toEqual(fresh.toReversed());
  });

  it('decodes a large JPEG at a fraction of its size to nearly the same pixels', async () => {
    const picture = waves(1400, 1000);
    const scaled = await decoder()(await picture.jpeg({ quality: 95 }).toBuffer());
    const reference = await decoder()(await picture.png().toBuffer());
    expect(distance(scaled, reference)).toBeLessThan(3);
  });

  it('blends alpha over black', async () => {
    const image = sharp({
      create: { width: 40, height: 40, channels: 4, background: { r: 200, g: 100, b: 50, alpha: 0.5 } },
    });
    const [r, g, b] = pixel(await decoder()(await image.png().toBuffer())) as [number, number, number];
    expect(Math.abs(r - 100) + Math.abs(g - 50) + Math.abs(b - 25)).toBeLessThan(4);
  });

  it('gives grey pictures three equal channels, and grey models one channel', async () => {
    const grey = await target(64, 64, '#000', '#808080').greyscale().png().toBuffer();
    expect(new Set(pixel(await decoder()(grey)))).toEqual(new Set([128]));
    expect((await decoder(GREY)(grey))[16 * 32 + 16]).toBe(128);
    expect(await decoder(GREY)(await waves(64, 64).jpeg().toBuffer())).toHaveLength(32 * 32);
  });

  it.each<[string, (image: ReturnType<typeof waves>) => ReturnType<typeof waves>]>([
    ['JPEG', (image) => image.jpeg({ quality: 100 })],
    ['small PNG', (image) => image.png()],
    ['PNG with a palette', (image) => image.png({ palette: true })],
    ['WebP', (image) => image.webp({ lossless: true })],
  ])('gives grey models the luma of a colour %s', async (_, encode) => {
    const file = await encode(waves(90, 90)).toBuffer();
    const [colours, greys] = [await decoder()(file), await decoder(GREY)(file)];
    const luma = greys.map((_, i) => {
      const [r = 0, g = 0, b = 0] = pixel(colours, i);
      return 0.299 * r + 0.587 * g + 0.114 * b;
    });
    expect(distance(greys, luma)).toBeLessThan(2);
  });

  it('reads 16-bit, palette and CMYK pictures', async () => {
    const picture = target(64, 64);
    const files = await Promise.all([
      picture.clone().toColourspace('rgb16').png().toBuffer(),
      picture.clone().png({ palette: true }).toBuffer(),
      picture.clone().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(),
    ]);
    for (const file of files) {
      const [r, , b] = pixel(await decoder()(file)) as [number, number, number];
      expect(b).toBeGreaterThan(100);
      expect(r).toBeLessThan(100);
    }
  });

  it('takes the first frame of an animation', async () => {
    const frames = await Promise.all(
      ['#00f', '#f00'].map((colour) => target(64, 64, colour, colour).png().toBuffer()),
    );
    const animation = await sharp(frames, { join: { animated: true } })
      .webp({ lossless: true })
      .toBuffer();
    expect(pixel(await decoder()(animation))).toEqual([0, 0, 255]);
  });

  it('surrounds a picture of other proportions with a border where the whole is to be kept', async () => {
    const file = await sharp({ create: { width: 64, height: 32, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    const pixels = await decoder({ ...RGB, fit: 'letterbox', border: 114 })(file);
    const rows = Array.from({ length: 32 }, (_, y) => pixels[y * 32 * 3 + 40]);
    expect(rows).toEqual([...Array(8).fill(114), ...Array(16).fill(255), ...Array(8).fill(114)]);
  });
});
