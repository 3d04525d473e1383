import { HeadgateError } from '@headgate/contracts/errors';
import { ascii } from '@headgate/contracts/image/bytes';
import { type ImageType, readImageHeader } from '@headgate/contracts/image/header';
import { pngChunk } from '@headgate/testkit/png';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { jpegHeader, pngHeader, webpHeader } from '../testing/images.ts';
import { extrasOf } from './extras.ts';
import { checkImage } from './image.ts';

const LIMITS = {
  declared: '',
  maxPixels: 1_000_000,
  maxSide: 32_768,
  maxMetadataBytes: 10_000,
  maxFrames: 3,
};
const still = sharp({ create: { width: 24, height: 24, channels: 3, background: '#804020' } });

function verdict(bytes: Uint8Array, limits = LIMITS): string {
  try {
    checkImage(bytes, limits);
    return 'ok';
  } catch (error) {
    if (!(error instanceof HeadgateError)) throw error;
    return `${error.reason}: ${error.detail}`;
  }
}

/** A JPEG segment, after the start of the image. */
function withSegment(jpeg: Uint8Array, code: number, content: Uint8Array): Uint8Array {
  const length = content.length + 2;
  const head = [0xff, code, length >> 8, length & 0xff];
  return Buffer.concat([jpeg.subarray(0, 2), Uint8Array.from(head), content, jpeg.subarray(2)]);
}

function webpChunk(type: string, content: Uint8Array): Buffer {
  const chunk = Buffer.alloc(8 + content.length + (content.length % 2));
  chunk.set(ascii(type));
  chunk.writeUInt32LE(content.length, 4);
  chunk.set(content, 8);
  return chunk;
}

/** An extended WebP with chunks, its length made right. */
function webpWith(...chunks: Buffer[]): Buffer {
  const file = Buffer.concat([webpHeader('extended', 8, 8), ...chunks]);
  file.writeUInt32LE(file.length - 8, 4);
  return file;
}

const LARGE = new Uint8Array(10_001);

describe('a file of a million parts', () => {
  const filled = (head: Uint8Array, unit: readonly number[]) =>
    Buffer.concat([head, Buffer.alloc(4 * 1024 * 1024, Buffer.from(unit))]);
  const empty = (type: string) => [0, 0, 0, 0, ...ascii(type), 0, 0, 0, 0];

  it.each([
    [
      'PNG chunks',
      filled(pngHeader(8, 8), empty('IDAT')),
      'undecodable_image: The image takes too long to decode',
    ],
    [
      'WebP chunks',
      filled(webpHeader('extended', 8, 8), [...ascii('ALPH'), 0, 0, 0, 0]),
      'undecodable_image: The image takes too long to decode',
    ],
    ['JPEG fill bytes', filled(Uint8Array.of(0xff, 0xd8), [0xff]), 'undecodable_image: The header'],
    ['JPEG segments', filled(Uint8Array.of(0xff, 0xd8), [0xff, 0xdb, 0, 2]), 'undecodable_image: The header'],
  ])('is refused before all of them are looked at: %s', (_, bytes, refusal) => {
    expect(verdict(bytes)).toContain(refusal);
  });
});

describe('metadata', () => {
  it.each([
    ['EXIF in a JPEG', withSegment(jpegHeader(8, 8), 0xe1, LARGE)],
    ['a comment in a JPEG', withSegment(jpegHeader(8, 8), 0xfe, LARGE)],
    ['a colour profile in a PNG', Buffer.concat([pngHeader(8, 8), pngChunk('iCCP', LARGE)])],
    ['compressed text in a PNG', Buffer.concat([pngHeader(8, 8), pngChunk('zTXt', LARGE)])],
    ['a chunk that nobody knows in a PNG', Buffer.concat([pngHeader(8, 8), pngChunk('abCd', LARGE)])],
    ['XMP in a WebP', webpWith(webpChunk('XMP ', LARGE))],
    ['an unknown chunk in a WebP', webpWith(webpChunk('EVIL', LARGE))],
  ])('beyond the limit is refused: %s', (_, bytes) => {
    expect(verdict(bytes)).toBe('image_too_large: An image may have at most 10000 bytes of metadata.');
    expect(verdict(bytes, { ...LIMITS, maxMetadataBytes: 20_000 })).toBe('ok');
  });

  it('adds up over many small pieces', () => {
    let jpeg: Uint8Array = jpegHeader(8, 8);
    for (let i = 0; i < 11; i += 1) jpeg = withSegment(jpeg, 0xe2, new Uint8Array(1000));
    expect(verdict(jpeg)).toContain('bytes of metadata');
  });

  it('is what sharp wrote beside the pixels, and pixels are not', async () => {
    const noise = sharp({
      create: { width: 200, height: 200, channels: 3, background: '#888', noise: { type: 'gaussian', sigma: 60, mean: 128 } },
    }); // biome-ignore format: one picture
    for (const [type, image] of [
      ['image/jpeg', noise.clone().jpeg({ quality: 100 })],
      ['image/png', noise.clone().png()],
      ['image/webp', noise.clone().webp({ quality: 100 })],
    ] as const) {
      const plain = await image.clone().toBuffer();
      const exif = await image
        .clone()
        .withExif({ IFD0: { Copyright: 'x'.repeat(5000) } })
        .toBuffer();
      expect([type, plain.length > 10_000, extrasOf(plain, type).metadataBytes < 100]).toEqual([
        type,
        true,
        true,
      ]);
      expect(extrasOf(exif, type).metadataBytes).toBeGreaterThan(5000);
      expect(extrasOf(exif, type).metadataBytes).toBeLessThan(6500);
    }
  });
});

describe('an animation', () => {
  const animation = async (count: number) => {
    const frames = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        still
          .clone()
          .tint({ r: 40 * i, g: 80, b: 90 })
          .png()
          .toBuffer(),
      ),
    );
    return sharp(frames, { join: { animated: true } })
      .webp()
      .toBuffer();
  };
  const apng = (count: number) =>
    Buffer.concat([pngHeader(8, 8), ...Array(count).fill(pngChunk('fcTL', new Uint8Array(26)))]);

  it('counts its frames, however it is made', async () => {
    expect(extrasOf(await animation(3), 'image/webp')).toMatchObject({ frames: 3 });
    expect(extrasOf(apng(3), 'image/png')).toMatchObject({ frames: 3, metadataBytes: 0 });
    expect(extrasOf(await still.clone().webp().toBuffer(), 'image/webp')).toMatchObject({ frames: 1 });
  });

  it('of more frames than allowed is refused', async () => {
    expect(verdict(await animation(3))).toBe('ok');
    expect(verdict(await animation(4))).toBe('image_too_large: An image may have at most 3 frames.');
    expect(verdict(apng(4))).toBe('image_too_large: An image may have at most 3 frames.');
  });

  it('is refused altogether where only stills are allowed', async () => {
    const stills = { ...LIMITS, maxFrames: 1 };
    expect(verdict(await animation(2), stills)).toContain('send a still');
    expect(verdict(await still.clone().webp().toBuffer(), stills)).toBe('ok');
  });
});

describe('framing that lies', () => {
  it.each([
    ['image/jpeg', jpegHeader(8, 8)],
    ['image/png', pngHeader(8, 8)],
    ['image/webp', webpHeader('extended', 8, 8)],
  ] as const)('of %s ends the count, and never runs on', (type, head) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (rest) => {
        const bytes = Buffer.concat([head, rest]);
        const { metadataBytes, frames } = extrasOf(bytes, type);
        expect(metadataBytes).toBeGreaterThanOrEqual(0);
        expect(frames).toBeLessThanOrEqual(1 + bytes.length / 8);
      }),
      { numRuns: 1000 },
    );
  });

  it('cannot make the count loop', () => {
    expect(
      extrasOf(Uint8Array.of(0xff, 0xd8, 0xff, 0xe1, 0, 0, 0xff, 0xe1, 0, 0), 'image/jpeg'),
    ).toBeDefined();
    const empty = Buffer.concat([pngHeader(8, 8), Buffer.alloc(10 * 1024 * 1024)]);
    expect(extrasOf(empty, 'image/png').metadataBytes).toBeGreaterThan(0);
  });
});

describe('what lies behind a picture', () => {
  /** Marks of scans, frames and chunks, as compressed bytes have them by chance. */
  const film = (type: string) =>
    Buffer.concat([Buffer.from(type), Buffer.alloc(3_000_000, Buffer.from('ffda0008ffd8ffe1ffff', 'hex'))]);

  it.each<[ImageType, (image: Sharp) => Sharp]>([
    ['image/jpeg', (image) => image.jpeg()],
    ['image/jpeg', (image) => image.jpeg({ progressive: true })],
    ['image/png', (image) => image.png()],
    ['image/webp', (image) => image.webp()],
    ['image/webp', (image) => image.webp({ lossless: true }).withExif({ IFD0: { Copyright: 'x' } })],
  ])('counts for no limit and no cost: %s', async (type, encode) => {
    const file = await encode(still.clone().resize(900, 700)).toBuffer();
    const header = readImageHeader(file);
    for (const behind of [film('ANMF'), film('EXIF'), Buffer.concat([file, file, file])]) {
      const longer = Buffer.concat([file, behind]);
      expect(readImageHeader(longer)).toEqual(header);
      expect(extrasOf(longer, type)).toEqual(extrasOf(file, type));
    }
  });
});
