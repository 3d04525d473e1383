import { readImageHeader } from '@headgate/contracts/image/header';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { jpegHeader, pngHeader, webpHeader } from '../testing/images.ts';
import { checkImage } from './image.ts';

const LIMITS = { maxPixels: 40_000_000, maxSide: 32_768, maxMetadataBytes: 100_000, maxFrames: 4 };

/** The reason for which an image is refused, or `ok`. */
function verdict(bytes: Uint8Array): string {
  try {
    checkImage(bytes, LIMITS);
    return 'ok';
  } catch (error) {
    return (error as { reason: string }).reason;
  }
}

function sizeOf(bytes: Uint8Array) {
  const { width, height } = readImageHeader(bytes) ?? {};
  return { width, height };
}

const SIZES = [
  [1, 1],
  [3, 2],
  [255, 257],
  [1031, 7],
] as const;

function encode(width: number, height: number, alpha = false) {
  const background = alpha ? { r: 1, g: 2, b: 3, alpha: 0.5 } : { r: 1, g: 2, b: 3 };
  return sharp({ create: { width, height, channels: alpha ? 4 : 3, background } });
}

describe('the size of a really encoded image', () => {
  it.each(SIZES)('of %i x %i is read from every kind of file', async (width, height) => {
    const size = { width, height };
    const image = encode(width, height);
    expect(sizeOf(await image.jpeg().toBuffer())).toEqual(size);
    expect(
      sizeOf(await image.jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer()),
    ).toEqual(size);
    expect(sizeOf(await image.png().toBuffer())).toEqual(size);
    expect(sizeOf(await image.png({ progressive: true, palette: true }).toBuffer())).toEqual(size);
    expect(sizeOf(await image.webp().toBuffer())).toEqual(size);
    expect(sizeOf(await image.webp({ lossless: true }).toBuffer())).toEqual(size);
    expect(sizeOf(await encode(width, height, true).webp().withMetadata().toBuffer())).toEqual(size);
  });

  it('is not that of the thumbnail inside of its metadata', async () => {
    const thumbnail = await encode(16, 12).jpeg().toBuffer();
    const photo = await encode(64, 48).jpeg().toBuffer();
    const length = thumbnail.length + 2;
    const segment = Buffer.concat([Buffer.from([0xff, 0xe1, length >> 8, length & 0xff]), thumbnail]);
    expect(sizeOf(Buffer.concat([photo.subarray(0, 2), segment, photo.subarray(2)]))).toEqual({
      width: 64,
      height: 48,
    });
  });

  it('is read through fill bytes and markers without a length', () => {
    const image = jpegHeader(640, 480);
    const padded = Uint8Array.from([
      ...image.subarray(0, 2),
      0xff,
      0xff,
      0xff,
      0x01,
      0xff,
      0xd0,
      ...image.subarray(2),
    ]);
    expect(sizeOf(padded)).toEqual({ width: 640, height: 480 });
  });

  it.each([0xc4, 0xc8, 0xcc, 0xdb, 0xe1])('is not taken from a segment that is no frame: %i', (code) => {
    const image = jpegHeader(640, 480);
    const segment = [0xff, code, 0, 17, 8, 0, 9, 0, 9, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    const bytes = Uint8Array.from([...image.subarray(0, 2), ...segment, ...image.subarray(2)]);
    expect(sizeOf(bytes)).toEqual({ width: 640, height: 480 });
  });

  it('is read at the limits of each format', () => {
    expect(sizeOf(jpegHeader(65_535, 65_535))).toEqual({ width: 65_535, height: 65_535 });
    expect(sizeOf(pngHeader(0x7fffffff, 1))).toEqual({ width: 0x7fffffff, height: 1 });
    expect(sizeOf(webpHeader('lossy', 16_383, 16_383))).toEqual({ width: 16_383, height: 16_383 });
    expect(sizeOf(webpHeader('lossless', 16_384, 16_384))).toEqual({ width: 16_384, height: 16_384 });
    expect(sizeOf(webpHeader('extended', 16_777_216, 3))).toEqual({ width: 16_777_216, height: 3 });
  });
});

describe('an image', () => {
  it.each([
    ['jpeg', jpegHeader(7000, 7000)],
    ['png', pngHeader(0xffffffff, 0xffffffff)],
    ['webp, lossy', webpHeader('lossy', 16_383, 16_383)],
    ['webp, lossless', webpHeader('lossless', 16_384, 16_384)],
    ['webp, extended', webpHeader('extended', 16_777_216, 16_777_216)],
  ])('of too many pixels by its header is refused: %s', (_, bytes) => {
    expect(verdict(bytes)).toBe('image_too_large');
  });

  it('of exactly the most pixels passes, of one row more does not', () => {
    expect(verdict(pngHeader(8000, 5000))).toBe('ok');
    expect(verdict(pngHeader(8000, 5001))).toBe('image_too_large');
  });

  it.each([
    ['jpeg', jpegHeader(0, 8)],
    ['png', pngHeader(8, 0)],
    ['webp', webpHeader('lossy', 0, 0)],
  ])('without pixels is undecodable: %s', (_, bytes) => {
    expect(verdict(bytes)).toBe('undecodable_image');
  });

  it.each([
    ['jpeg', jpegHeader(8, 8), 3],
    ['png', pngHeader(8, 8), 8],
    ['webp, lossy', webpHeader('lossy', 8, 8), 12],
    ['webp, lossless', webpHeader('lossless', 8, 8), 12],
    ['webp, extended', webpHeader('extended', 8, 8), 12],
  ])('cut off anywhere in its header is undecodable: %s', (name, bytes, magicBytes) => {
    const needed = name === 'webp, lossless' ? 25 : name === 'jpeg' ? 17 : bytes.length;
    for (let length = magicBytes; length < needed; length++) {
      expect([length, verdict(bytes.subarray(0, length))]).toEqual([length, 'undecodable_image']);
    }
  });

  it.each([
    ['a scan before any frame', [0xff, 0xd8, 0xff, 0xda, 0, 12]],
    ['no marker where one must be', [0xff, 0xd8, 0xff, 0xe0, 0, 2, 0x12, 0x34, 0, 0]],
    ['a segment of length 1', [0xff, 0xd8, 0xff, 0xe0, 0, 1, 0xff, 0xc0, 0, 17, 8, 0, 8, 0, 8]],
    ['a segment of length 0', [0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xc0, 0, 17, 8, 0, 8, 0, 8]],
    ['an end without an image', [0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0]],
    ['no IHDR first', [...pngHeader(8, 8)].map((byte, i) => (i === 12 ? 0x58 : byte))],
    ['an IHDR of the wrong length', [...pngHeader(8, 8)].map((byte, i) => (i === 11 ? 12 : byte))],
    ['an unknown WebP chunk', [...webpHeader('lossy', 8, 8)].map((byte, i) => (i === 15 ? 0x59 : byte))],
    [
      'a WebP frame that is no key frame',
      [...webpHeader('lossy', 8, 8)].map((byte, i) => (i === 23 ? 0 : byte)),
    ],
    [
      'a lossless stream without signature',
      [...webpHeader('lossless', 8, 8)].map((byte, i) => (i === 20 ? 0 : byte)),
    ],
  ])('with %s is undecodable', (_, bytes) => {
    expect(verdict(Uint8Array.from(bytes))).toBe('undecodable_image');
  });

  it.each([
    ['a GIF', 'GIF89a'],
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['a PDF', '%PDF-1.7'],
    ['a TIFF', 'II*\0'],
    ['another RIFF file', 'RIFF\0\0\0\0WAVEfmt '],
    ['HTML before a PNG', `<html>${String.fromCharCode(0x89)}PNG`],
    ['one byte', '\xff'],
  ])('is not %s', (_, text) => {
    expect(verdict(Uint8Array.from(text, (char) => char.charCodeAt(0)))).toBe('unsupported_media_type');
  });

  it('has bytes', () => {
    expect(verdict(new Uint8Array(0))).toBe('empty_body');
  });
});
