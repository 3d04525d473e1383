import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeCost, MAX_DECODE_WORK } from './decode-cost.ts';
import { readImageHeader } from './header.ts';

/** Numbers as bits, from the lowest on. */
function bitsOf(...fields: readonly (readonly [value: number, bits: number])[]): Buffer {
  const bits = fields.flatMap(([value, count]) => Array.from({ length: count }, (_, i) => (value >> i) & 1));
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    bytes[i >> 3] = (bytes[i >> 3] as number) | (bit << (i & 7));
  });
  return bytes;
}

/** A prefix code of one symbol, for which pixels take no bits. */
const one = (symbol: number) =>
  [
    [1, 1],
    [0, 1],
    [1, 1],
    [symbol, 8],
  ] as const;
/** Cells of which each has this red and green. */
const cells = (red: number, green: number) =>
  [[0, 1], ...one(green), ...one(red), ...one(0), ...one(0), ...one(0)] as const;
const NO_TRANSFORM = [[0, 1]] as const;
const PREDICTOR = [[1, 1], [0, 2], [7, 3], ...cells(0, 0), [0, 1]] as const;
const NO_CACHE = [[0, 1]] as const;
const MAP_OF_GROUPS = [
  [1, 1],
  [0, 3],
] as const;
const MOST_GROUPS = [...NO_CACHE, ...MAP_OF_GROUPS, ...cells(255, 255)] as const;
const TABLES = Buffer.alloc(170_000);

const SIDE = 64;
const uint24 = (value: number) => Buffer.of(value & 255, value >> 8, 0);
const canvas = Buffer.concat([uint24(SIDE - 1), uint24(SIDE - 1)]);

function chunk(type: string, ...parts: Buffer[]): Buffer {
  const data = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.write(type, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

const webp = (...chunks: Buffer[]) => chunk('RIFF', Buffer.from('WEBP'), ...chunks);
const extended = (...chunks: Buffer[]) => webp(chunk('VP8X', Buffer.alloc(4, 0x12), canvas), ...chunks);
const lossless = (...stream: Buffer[]) =>
  chunk('VP8L', bitsOf([0x2f, 8], [SIDE - 1, 14], [SIDE - 1, 14], [0, 4]), ...stream);
const frame = (...chunks: Buffer[]) => chunk('ANMF', Buffer.alloc(6), canvas, Buffer.alloc(4), ...chunks);

function headerOf(file: Buffer) {
  const header = readImageHeader(file);
  if (!header) throw new Error('no header');
  return header;
}

const many = bitsOf(...NO_TRANSFORM, ...MOST_GROUPS);
const lossy = chunk('VP8 ', Buffer.alloc(30));
const alpha = (...stream: Buffer[]) => chunk('ALPH', Buffer.of(1), ...stream);

describe('a small WebP with thousands of groups of prefix codes', () => {
  it.each([
    ['in a lossless picture', webp(lossless(many, TABLES))],
    ['behind a transform', webp(lossless(bitsOf(...PREDICTOR, ...MOST_GROUPS), TABLES))],
    ['in an extended file', extended(lossless(many, TABLES))],
    ['behind chunks of an unknown type', extended(...Array(20).fill(chunk('none')), lossless(many, TABLES))],
    ['in alpha', extended(alpha(many, TABLES), lossy)],
    ['in a second alpha', extended(alpha(bitsOf(...NO_TRANSFORM, [0, 2])), alpha(many, TABLES), lossy)],
    ['in a frame of an animation', extended(frame(lossless(many, TABLES)))],
    ['in alpha of a frame', extended(frame(alpha(many, TABLES), lossy))],
  ])('costs more than is accepted: %s', (_, file) => {
    const { work, memoryBytes } = decodeCost(headerOf(file));
    expect(work).toBeGreaterThan(MAX_DECODE_WORK);
    expect(memoryBytes).toBeGreaterThan(300 * 2 ** 20);
  });

  it('has no more of them than its bytes can hold', () => {
    const { codeGroups } = headerOf(webp(lossless(many, Buffer.alloc(1000))));
    expect(codeGroups).toBeGreaterThan(400);
    expect(codeGroups).toBeLessThan(420);
  });

  it('is told from one whose map of groups is small', () => {
    const few = bitsOf(...NO_TRANSFORM, ...NO_CACHE, ...MAP_OF_GROUPS, ...cells(0, 7));
    expect(headerOf(webp(lossless(few, TABLES))).codeGroups).toBe(8);
    expect(headerOf(webp(lossless(bitsOf([0, 3]), TABLES))).codeGroups).toBe(1);
  });
});

it('counts the frames of an animation, each of which readers look for from the first one on', () => {
  const one = frame(lossless(bitsOf([0, 3])));
  const work = (count: number) => decodeCost(headerOf(extended(Buffer.alloc(count * one.length, one)))).work;
  expect(work(500)).toBeLessThan(10);
  expect(work(5000)).toBeGreaterThan(45);
  expect(work(20_000)).toBeGreaterThan(MAX_DECODE_WORK);
  expect(work(100_000)).toBe(Number.POSITIVE_INFINITY);
});

describe('a WebP as encoders write it', () => {
  const noise = sharp('samples/rocket.jpg').resize(900, 700, { fit: 'fill' });

  it.each([0, 4, 6])('has few groups (effort %i)', async (effort) => {
    const photo = headerOf(await noise.clone().webp({ lossless: true, effort }).toBuffer());
    const palette = await noise.clone().png({ palette: true, colours: 8 }).toBuffer();
    const drawing = headerOf(await sharp(palette).webp({ lossless: true, effort }).toBuffer());
    for (const { codeGroups } of [photo, drawing]) {
      expect(codeGroups).toBeGreaterThan(1);
      expect(codeGroups).toBeLessThan(200);
    }
  });

  it('has few groups in its alpha', async () => {
    const mask = await noise.clone().extractChannel(0).toBuffer();
    const file = await noise.clone().joinChannel(mask).webp().toBuffer();
    const { codeGroups, hasAlpha, isSlow } = headerOf(file);
    expect({ hasAlpha, isSlow }).toEqual({ hasAlpha: true, isSlow: false });
    expect(codeGroups).toBeGreaterThan(0);
    expect(codeGroups).toBeLessThan(200);
  });
});
