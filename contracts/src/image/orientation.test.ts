import { pngChunk } from '@headgate/testkit/png';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageType } from './header.ts';
import { orientationOf } from './orientation.ts';

type Entry = readonly [tag: number, type: number, count: number, value: number];

/** TIFF data with one directory, in either byte order. */
function exif(
  order: 'II' | 'MM',
  entries: readonly Entry[],
  { directory = 8, count = entries.length } = {},
): Buffer {
  const bytes = Buffer.alloc(10 + entries.length * 12 + 4);
  const isLittle = order === 'II';
  const short = (value: number, at: number) =>
    isLittle ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at);
  const long = (value: number, at: number) =>
    isLittle ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at);
  bytes.write(order, 'latin1');
  short(42, 2);
  long(directory, 4);
  short(count, 8);
  entries.forEach(([tag, type, items, value], i) => {
    const at = 10 + i * 12;
    short(tag, at);
    short(type, at + 2);
    long(items, at + 4);
    if (type === 1) bytes.writeUInt8(value, at + 8);
    else if (type === 3) short(value, at + 8);
    else long(value, at + 8);
  });
  return bytes;
}

const PREFIX = Buffer.from('Exif\0\0', 'latin1');

function segment(code: number, content: Buffer): Buffer {
  const head = Buffer.of(0xff, code, 0, 0);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

function riffChunk(type: string, content: Buffer): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
}

function webp(flags: number, ...chunks: Buffer[]): Buffer {
  const extended = riffChunk('VP8X', Buffer.of(flags, 0, 0, 0, 7, 0, 0, 7, 0, 0));
  const body = Buffer.concat([Buffer.from('WEBP'), extended, ...chunks]);
  return riffChunk('RIFF', body);
}

const jpeg = (...segments: Buffer[]) =>
  Buffer.concat([Buffer.of(0xff, 0xd8), ...segments, segment(0xda, Buffer.of(1, 1, 0, 0, 63, 0))]);
const png = (...chunks: Buffer[]) =>
  Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', Buffer.alloc(13)),
    ...chunks,
    pngChunk('IEND', Buffer.alloc(0)),
  ]);

/** A file of each format with these EXIF data. */
const FILES: Record<ImageType, (exif: Buffer) => Buffer> = {
  'image/jpeg': (exif) => jpeg(segment(0xe1, Buffer.concat([PREFIX, exif]))),
  'image/png': (exif) => png(pngChunk('IDAT', Buffer.alloc(9)), pngChunk('eXIf', exif)),
  'image/webp': (exif) => webp(8, riffChunk('VP8 ', Buffer.alloc(11)), riffChunk('EXIF', exif)),
};
const TYPES = Object.keys(FILES) as ImageType[];
const ORDERS = ['II', 'MM'] as const;
const read = (type: ImageType, exif: Buffer) => orientationOf(FILES[type](exif), type);
const valued = (value: number, type = 3): Entry => [0x112, type, 1, value];

describe.each(TYPES)('the orientation of a %s', (type) => {
  it.each(ORDERS)('is read in the byte order %s, from 1 to 8', (order) => {
    const values = [1, 2, 3, 4, 5, 6, 7, 8];
    expect(values.map((value) => read(type, exif(order, [[0x10f, 2, 4, 0], valued(value)])))).toEqual(values);
  });

  it('is read behind a second prefix, and from a whole number of any size', () => {
    expect(read(type, Buffer.concat([PREFIX, exif('MM', [valued(5)])]))).toBe(5);
    for (const size of [1, 3, 4]) expect(read(type, exif('II', [valued(7, size)]))).toBe(7);
  });

  it('is that of the last entry, as Pillow reads it', () => {
    expect(read(type, exif('II', [valued(6), valued(3)]))).toBe(3);
  });

  it.each<[string, Buffer]>([
    ['0', exif('MM', [valued(0)])],
    ['9', exif('MM', [valued(9)])],
    ['a text', exif('II', [valued(6, 2)])],
    ['two numbers', exif('II', [[0x112, 3, 2, 6]])],
    ['absent', exif('II', [[0x11a, 5, 1, 26]])],
    ['behind the end of the data', exif('II', [valued(6)]).subarray(0, 15)],
    ['in a directory that lies nowhere', exif('MM', [valued(6)], { directory: 0xffffffff })],
    ['in a directory that is the header', exif('II', [valued(6)], { directory: 0 })],
    ['in data of another kind', Buffer.from('XX\0*\0\0\0\x08\0\0', 'latin1')],
    ['in no data', Buffer.alloc(0)],
  ])('that is %s means: as stored', (_, data) => {
    expect(read(type, data)).toBe(1);
  });

  it('is found in a directory that names more entries than there are', () => {
    expect(read(type, exif('MM', [valued(8)], { count: 65_535 }))).toBe(8);
  });

  it('of random data is a number from 1 to 8', () => {
    const data = fc.tuple(fc.constantFrom('II*\0', 'MM\0*', ''), fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(data, ([magic, rest]) => {
        const value = read(type, Buffer.concat([Buffer.from(magic, 'latin1'), rest]));
        expect(value >= 1 && value <= 8).toBe(true);
      }),
    );
  });

  it('is 1 in a file that is cut off in front of it', () => {
    const file = FILES[type](exif('MM', [valued(6)]));
    const at = file.indexOf('MM');
    for (let length = 0; length < at + 10; length += 1)
      expect(orientationOf(file.subarray(0, length), type)).toBe(1);
  });
});

describe('the orientation', () => {
  const turned = exif('MM', [valued(6)]);

  it('of a thumbnail or of a picture behind the first one is not read', () => {
    const inner = jpeg(segment(0xe1, Buffer.concat([PREFIX, turned])));
    expect(orientationOf(jpeg(segment(0xe2, inner)), 'image/jpeg')).toBe(1);
    expect(orientationOf(Buffer.concat([jpeg(), Buffer.of(0xff, 0xd9), inner]), 'image/jpeg')).toBe(1);
    const second = riffChunk('EXIF', turned);
    expect(orientationOf(Buffer.concat([webp(8), second]), 'image/webp')).toBe(1);
    expect(orientationOf(Buffer.concat([png(), pngChunk('eXIf', turned)]), 'image/png')).toBe(1);
  });

  it('of a PNG chunk with a wrong checksum is not believed', () => {
    const chunk = pngChunk('eXIf', turned);
    chunk[chunk.length - 1] = (chunk.at(-1) as number) ^ 1;
    expect(orientationOf(png(chunk), 'image/png')).toBe(1);
  });

  it('of a WebP that does not say that it has EXIF is not read', () => {
    expect(orientationOf(webp(0, riffChunk('EXIF', turned)), 'image/webp')).toBe(1);
  });

  it('is found behind bytes that are no segment', () => {
    const exifSegment = segment(0xe1, Buffer.concat([PREFIX, turned]));
    expect(orientationOf(jpeg(Buffer.of(1, 2, 3), exifSegment), 'image/jpeg')).toBe(6);
  });
});
