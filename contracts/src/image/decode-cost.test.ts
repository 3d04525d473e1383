import { deflateSync } from 'node:zlib';
import { pngChunk } from '@headgate/testkit/png';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeCost, MAX_DECODE_WORK, tooCostly } from './decode-cost.ts';
import { type ImageHeader, readImageHeader } from './header.ts';

const plain: ImageHeader = {
  type: 'image/png',
  width: 4000,
  height: 3000,
  pixelBytes: 3,
  dataBytes: 0,
  hasAlpha: false,
  isInPasses: false,
  parts: 1,
  isSlow: false,
  packedTextBytes: 0,
  segmentBytes: 0,
  codeGroups: 0,
};

function headerOf(bytes: Uint8Array): ImageHeader {
  const header = readImageHeader(bytes);
  if (!header) throw new Error('no header');
  return header;
}

const judge = (header: ImageHeader, byteLength: number) => {
  return tooCostly(decodeCost({ ...header, dataBytes: byteLength }), header);
};

const jpeg = (megapixels: number, about: Partial<ImageHeader> = {}): ImageHeader => ({
  ...plain,
  type: 'image/jpeg',
  width: 4000,
  height: megapixels * 250,
  ...about,
});

describe('an ordinary image', () => {
  it.each([
    ['a photo of 12 megapixels', jpeg(12), 4e6],
    ['a photo of 24 megapixels', jpeg(24), 9e6],
    ['a photo of 40 megapixels', jpeg(40), 10e6],
    ['a progressive photo of 12 megapixels', jpeg(12, { isInPasses: true, parts: 10, pixelBytes: 6 }), 3e6],
    ['a screenshot of 4K', { ...plain, width: 3840, height: 2160, pixelBytes: 4 }, 6e6],
    ['a screenshot of 5K', { ...plain, width: 5120, height: 2880, pixelBytes: 4 }, 10e6],
    ['a WebP of 8 megapixels', { ...plain, type: 'image/webp', width: 3840, height: 2160 }, 1e6],
    ['a progressive photo of 40 megapixels', jpeg(40, { isInPasses: true, parts: 10, pixelBytes: 6 }), 8e6],
    ['an interlaced PNG of 24 megapixels', { ...plain, width: 6000, height: 4000, isInPasses: true }, 1e6],
  ] as const)('%s is accepted', (_, header, byteLength) => {
    expect(judge(header, byteLength)).toBeUndefined();
  });
});

describe('an image that takes too long', () => {
  const png = { ...plain, width: 7700, height: 5150 };
  it.each([
    ['interlaced', { ...png, isInPasses: true }, 'without interlacing'],
    [
      'interlaced, with 16 bits and alpha',
      { ...png, isInPasses: true, pixelBytes: 8 },
      'without interlacing',
    ],
    ['with megabytes of packed text', { ...plain, packedTextBytes: 600_000 }, 'smaller'],
    ['a JPEG in 20 scans', jpeg(40, { isInPasses: true, parts: 20, pixelBytes: 6 }), 'baseline JPEG'],
    [
      'a JPEG that makes readers search',
      jpeg(1, { parts: Number.POSITIVE_INFINITY, isInPasses: true }),
      'JPEG',
    ],
    ['a JPEG with arithmetic coding', jpeg(40, { isSlow: true }), 'baseline JPEG'],
    ['lossless WebP', { ...png, type: 'image/webp' as const, isSlow: true }, 'smaller'],
  ])('is refused, and its sender told what to do: %s', (_, header, advice) => {
    expect(judge(header, 16e6)).toContain(advice);
  });
});

describe('what makes a decode costly', () => {
  const flat = () => sharp({ create: { width: 40, height: 30, channels: 3, background: '#123456' } });

  it('is read from really encoded files', async () => {
    const progressive = headerOf(await flat().jpeg({ progressive: true }).toBuffer());
    expect(progressive).toMatchObject({ isInPasses: true, parts: 10, pixelBytes: 6 });
    expect(headerOf(await flat().jpeg().toBuffer())).toMatchObject({
      isInPasses: false,
      parts: 1,
      pixelBytes: 3,
    });
    const cmyk = headerOf(await flat().toColourspace('cmyk').jpeg().toBuffer());
    expect(cmyk.pixelBytes).toBe(4);
    expect(headerOf(await flat().png({ progressive: true }).toBuffer())).toMatchObject({ isInPasses: true });
    const deep = await flat().ensureAlpha().toColourspace('rgb16').png().toBuffer();
    expect(headerOf(deep)).toMatchObject({ pixelBytes: 8, hasAlpha: true, isInPasses: false });
    expect(headerOf(await flat().webp({ lossless: true }).toBuffer())).toMatchObject({ isSlow: true });
    expect(headerOf(await flat().webp().toBuffer())).toMatchObject({ isSlow: false, hasAlpha: false });
    const alpha = await flat().ensureAlpha(0.5).webp().toBuffer();
    expect(headerOf(alpha)).toMatchObject({ isSlow: false, hasAlpha: true });
  });

  it('includes scans that repeat, and not what lies behind the picture', async () => {
    const file = await flat().jpeg({ progressive: true }).toBuffer();
    const last = file.subarray(file.lastIndexOf(Buffer.of(0xff, 0xda)), -2);
    const scans = (...tail: Buffer[]) => headerOf(Buffer.concat([file.subarray(0, -2), ...tail])).parts;
    const end = Buffer.of(0xff, 0xd9);
    expect(scans(...Array(50).fill(last), end)).toBe(60);
    expect(scans(end, ...Array(50).fill(last))).toBe(10);
    expect(scans(Buffer.alloc(200_000, 0xff))).toBe(Number.POSITIVE_INFINITY);
  });

  it('includes compressed text of a PNG, and other text not', async () => {
    const file = await flat().png().toBuffer();
    const text = deflateSync(Buffer.alloc(1_000_000));
    const withText = (name: string, data: Buffer) =>
      headerOf(Buffer.concat([file.subarray(0, 33), pngChunk(name, data), file.subarray(33)]))
        .packedTextBytes;
    const zipped = Buffer.concat([Buffer.from('a\0\0'), text]);
    expect(withText('zTXt', zipped)).toBe(zipped.length);
    const international = (flag: number) =>
      Buffer.concat([Buffer.from(`a\0${String.fromCharCode(flag)}\0\0\0`), text]);
    expect(withText('iTXt', international(1))).toBeGreaterThan(text.length);
    expect(withText('iTXt', international(0))).toBe(0);
    expect(withText('tEXt', text)).toBe(0);
  });
});

describe('bytes that are no pixels', () => {
  const flat = sharp({ create: { width: 40, height: 30, channels: 3, background: '#123456' } });

  it.each(['jpeg', 'png', 'webp'] as const)(
    'cost next to nothing, wherever they are in a %s',
    async (format) => {
      const file = await flat.clone().toFormat(format).toBuffer();
      const padding = Buffer.alloc(10e6, 1);
      const { work } = decodeCost(headerOf(file));
      for (const padded of [
        Buffer.concat([file, padding]),
        Buffer.concat([file.subarray(0, -2), padding, file.subarray(-2)]),
      ])
        expect(decodeCost(headerOf(padded)).work).toBeLessThan(work + 1);
    },
  );
});

it('counts lines behind the last one of a PNG, which readers inflate and throw away', async () => {
  const file = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#123456' } })
    .png()
    .toBuffer();
  const lines = pngChunk('IDAT', Buffer.alloc(10e6));
  const more = Buffer.concat([file.subarray(0, -12), lines, file.subarray(-12)]);
  expect(decodeCost(headerOf(more)).work).toBeGreaterThan(MAX_DECODE_WORK);
});

it('counts tables and profiles in front of the pixels of a JPEG', async () => {
  const file = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#123456' } })
    .jpeg()
    .toBuffer();
  const segment = Buffer.concat([Buffer.of(0xff, 0xc4, 0xff, 0xff), Buffer.alloc(0xfffd)]);
  const scan = file.indexOf(Buffer.of(0xff, 0xda));
  for (const at of [2, scan]) {
    const more = Buffer.concat([file.subarray(0, at), ...Array(100).fill(segment), file.subarray(at)]);
    expect(decodeCost(headerOf(more)).work).toBeGreaterThan(70);
  }
});

it('counts suggested palettes of a PNG', async () => {
  const file = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#123456' } })
    .png()
    .toBuffer();
  const palette = pngChunk('sPLT', Buffer.alloc(9e6));
  const more = Buffer.concat([file.subarray(0, 33), palette, file.subarray(33)]);
  expect(decodeCost(headerOf(more)).work).toBeGreaterThan(70);
});

it('counts lines that are one pixel wide', () => {
  for (const type of ['image/png', 'image/jpeg', 'image/webp'] as const)
    expect(decodeCost({ ...plain, type, width: 1, height: 1_000_000 }).work).toBeGreaterThan(150);
});

it('asks more for megabytes of a PNG than for its kilobytes, since they may hold blocks without pixels', () => {
  const work = (dataBytes: number) => decodeCost({ ...plain, dataBytes }).work;
  expect(work(10e6) - work(0)).toBeGreaterThan(100);
  expect(work(400_000) - work(0)).toBeLessThan(2);
});

describe('the estimate', () => {
  const headers = fc.record({
    type: fc.constantFrom('image/jpeg', 'image/png', 'image/webp'),
    width: fc.integer({ min: 1, max: 32_768 }),
    height: fc.integer({ min: 1, max: 32_768 }),
    pixelBytes: fc.integer({ min: 1, max: 8 }),
    dataBytes: fc.nat({ max: 10_000_000 }),
    hasAlpha: fc.boolean(),
    isInPasses: fc.boolean(),
    parts: fc.integer({ min: 1, max: 1000 }),
    isSlow: fc.boolean(),
    packedTextBytes: fc.nat({ max: 1_000_000 }),
    segmentBytes: fc.nat({ max: 10_000_000 }),
    codeGroups: fc.nat({ max: 65_536 }),
  }) as fc.Arbitrary<ImageHeader>;

  it('never falls when a picture has more bytes, scans or lines of its kind', () => {
    fc.assert(
      fc.property(headers, (header) => {
        const { work } = decodeCost(header);
        expect(work).toBeGreaterThan(0);
        expect(decodeCost({ ...header, dataBytes: header.dataBytes * 2 }).work).toBeGreaterThanOrEqual(work);
        expect(decodeCost({ ...header, parts: header.parts * 2 }).work).toBeGreaterThanOrEqual(work);
        // The short side decides whether a JPEG is decoded at a fraction of its size.
        if (Math.min(header.width, header.height) < 1280) return;
        const taller = { ...header, height: header.height * 2 };
        expect(decodeCost({ ...taller, dataBytes: taller.dataBytes * 2 }).work).toBeGreaterThanOrEqual(work);
      }),
    );
  });

  it('lets no accepted image hold more than 300 MiB', () => {
    fc.assert(
      fc.property(headers, (some) => {
        // A lossy WebP has groups in its alpha alone; a pixel of WebP has 4 bytes.
        const hasGroups =
          some.type === 'image/webp' && (some.isSlow || some.hasAlpha) && some.pixelBytes <= 4;
        const header = hasGroups ? some : { ...some, codeGroups: 0 };
        const { work, memoryBytes } = decodeCost(header);
        const isAccepted = work <= MAX_DECODE_WORK && header.width * header.height <= 40e6;
        expect(isAccepted && header.pixelBytes <= 6 ? memoryBytes : 0).toBeLessThan(300 * 2 ** 20);
      }),
    );
  });
});
