import { crc32 } from 'node:zlib';
import type { HeadgateError } from '@headgate/contracts/errors';
import { seededBelow } from '@headgate/testkit/random';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { mutate } from '../../../testing/fuzz/mutate.ts';
import { target, waves } from '../../../testing/images.ts';
import { createDecoder } from './decode.ts';

const MAX_PIXELS = 40_000_000;
const decode = createDecoder({
  preprocessing: {
    version: 1,
    width: 16,
    height: 16,
    channels: 3,
    fit: 'crop',
    crop_fraction: 0.875,
    border: 0,
    orientation: 'apply',
    resample: 'cubic',
  },
  maxPixels: MAX_PIXELS,
  maxSide: 32_768,
});
const reasonOf = (bytes: Uint8Array) =>
  decode(bytes).then(
    () => 'ok',
    (error: HeadgateError) => error.reason ?? String(error),
  );
const FORMATS = ['jpeg', 'png', 'webp'] as const;

/** A small PNG whose header promises the given size. */
async function bomb(width: number, height: number): Promise<Buffer> {
  const file = await waves(60, 60).png().toBuffer();
  file.writeUInt32BE(width, 16);
  file.writeUInt32BE(height, 20);
  file.writeUInt32BE(crc32(file.subarray(12, 29)), 29);
  return file;
}

describe('createDecoder under abuse', () => {
  it.each(FORMATS)('refuses a %s that is cut off', async (format) => {
    const file = await waves(200, 150).toFormat(format).toBuffer();
    expect(await reasonOf(file.subarray(0, file.length / 2))).toBe('undecodable_image');
    expect(await reasonOf(file.subarray(0, 24))).toBe('undecodable_image');
  });

  it('refuses a JPEG that is damaged in the middle', async () => {
    const file = await waves(400, 300).jpeg().toBuffer();
    file.fill(0xff, file.length / 2, file.length / 2 + 100);
    expect(await reasonOf(file)).toBe('undecodable_image');
  });

  it('refuses more pixels than allowed by the header alone', async () => {
    expect(await reasonOf(await bomb(50_000, 50_000))).toBe('image_too_large');
    expect(await reasonOf(await waves(60, 60).png().toBuffer())).toBe('ok');
  });

  it('refuses a side that is too long, whatever the other one is: a row costs what it costs, also with one pixel', async () => {
    expect(await reasonOf(await bomb(1, MAX_PIXELS))).toBe('image_too_large');
    expect(await reasonOf(await bomb(MAX_PIXELS, 1))).toBe('image_too_large');
  });

  it('refuses every other format, also those that libvips could read', async () => {
    const picture = target(40, 40);
    const files = [
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      await picture.clone().gif().toBuffer(),
      await picture.clone().tiff().toBuffer(),
      await picture.clone().avif().toBuffer(),
      Buffer.from('hello'),
      Buffer.alloc(0),
    ];
    for (const file of files) expect(await reasonOf(file)).toBe('unsupported_media_type');
  });

  it('takes pictures of extreme shape', async () => {
    for (const [width, height] of [
      [1, 1],
      [1, 3000],
      [3000, 1],
      [2, 2],
    ] as const) {
      expect(
        await reasonOf(
          await sharp({ create: { width, height, channels: 3, background: '#123' } })
            .png()
            .toBuffer(),
        ),
      ).toBe('ok');
    }
  });

  it('shows nothing of an earlier picture in place of what a damaged one lacks', async () => {
    const seed = await waves(80, 60).jpeg({ quality: 60 }).toBuffer();
    const flat = (background: string) =>
      sharp({ create: { width: 80, height: 60, channels: 3, background } })
        .jpeg()
        .toBuffer();
    const [white, black] = [await flat('#fff'), await flat('#000')];
    const after = async (earlier: Buffer, file: Buffer) => {
      await decode(earlier);
      return decode(file).then(
        ({ pixels }) => pixels,
        (error: HeadgateError) => error.reason,
      );
    };
    let shown = 0;
    for (let number = 0; number < 300; number += 1) {
      const damaged = mutate(seed, seededBelow(number));
      const pixels = await after(white, damaged);
      expect(await after(black, damaged)).toEqual(pixels);
      if (pixels instanceof Uint8Array) shown += 1;
    }
    expect(shown).toBeGreaterThan(10);
  });

  it.each(FORMATS)(
    'answers a randomly damaged %s with pixels or a clear refusal, never anything else',
    async (format) => {
      const file = await waves(64, 48).toFormat(format).toBuffer();
      const damage = fc.array(fc.tuple(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 })), {
        maxLength: 8,
      });
      const end = fc.integer({ min: 0, max: file.length });
      await fc.assert(
        fc.asyncProperty(damage, end, async (changes, length) => {
          const damaged = Buffer.from(file);
          for (const [at, value] of changes) damaged[at] = value;
          expect(['ok', 'undecodable_image', 'unsupported_media_type', 'image_too_large']).toContain(
            await reasonOf(damaged.subarray(0, length)),
          );
        }),
        { numRuns: 150 },
      );
    },
  );
});
