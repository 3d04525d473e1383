import { HeadgateError } from '@headgate/contracts/errors';
import { imageTypeOf } from '@headgate/contracts/image/header';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jpegHeader, pngHeader, webpHeader } from '../testing/images.ts';
import { checkImage } from './image.ts';

const LIMITS = { maxPixels: 1_000_000, maxSide: 32_768, maxMetadataBytes: 100_000, maxFrames: 4 };

const SEEDS = [
  jpegHeader(640, 480),
  pngHeader(640, 480),
  webpHeader('lossy', 640, 480),
  webpHeader('lossless', 640, 480),
  webpHeader('extended', 640, 480),
];

/** A valid header with some bytes changed, cut somewhere, followed by anything. */
const damaged = fc
  .record({
    seed: fc.constantFrom(...SEEDS),
    changes: fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 6 }),
    keep: fc.nat(40),
    tail: fc.uint8Array({ maxLength: 200 }),
  })
  .map(({ seed, changes, keep, tail }) => {
    const bytes = seed.slice();
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return Uint8Array.from([...bytes.subarray(0, keep), ...tail]);
  });

/** Bytes that begin as an image does. */
const disguised = fc
  .tuple(fc.constantFrom(...SEEDS), fc.uint8Array({ maxLength: 2000 }))
  .map(([seed, rest]) => Uint8Array.from([...seed.subarray(0, 12), ...rest]));

function check(bytes: Uint8Array): void {
  try {
    checkImage(bytes, { ...LIMITS });
    expect(imageTypeOf(bytes)).toBeDefined();
  } catch (error) {
    if (!(error instanceof HeadgateError)) throw error;
    expect(error.httpStatus).toBeGreaterThanOrEqual(400);
    expect(error.httpStatus).toBeLessThan(500);
  }
}

describe('an image with few pixels in a long row of rows', () => {
  it.each([
    ['tall', pngHeader(1, 32_769)],
    ['wide', pngHeader(32_769, 1)],
  ])('is refused when it is too %s', (_, bytes) => {
    expect(() => checkImage(bytes, { ...LIMITS })).toThrow(/32768 pixels along a side/);
  });

  it('passes at the limit', () => {
    expect(() => checkImage(pngHeader(1, 32_768), { ...LIMITS })).not.toThrow();
  });
});

describe('whatever bytes arrive', () => {
  it.each([
    ['damaged headers', damaged],
    ['disguised bytes', disguised],
    ['any bytes', fc.uint8Array({ maxLength: 500 })],
  ])('%s are judged, and nothing but a refusal is thrown', (_, bytes) => {
    fc.assert(fc.property(bytes, check), { numRuns: 3000 });
  });

  it('are judged as the part of a larger block that they are', () => {
    fc.assert(
      fc.property(damaged, fc.nat(50), (bytes, offset) => {
        const block = new Uint8Array(bytes.length + offset + 50).fill(0xff);
        block.set(bytes, offset);
        expect(outcome(block.subarray(offset, offset + bytes.length))).toBe(outcome(bytes));
      }),
    );
  });

  it('are looked through once, however many segments they have', () => {
    const bytes = new Uint8Array(10 * 1024 * 1024).fill(0xff);
    bytes.set([0xff, 0xd8]);
    expect(outcome(bytes)).toBe('undecodable_image');
    for (let at = 2; at + 4 <= bytes.length; at += 4) bytes.set([0xff, 0xfe, 0, 2], at);
    expect(outcome(bytes)).toBe('undecodable_image');
  });
});

function outcome(bytes: Uint8Array): string {
  try {
    checkImage(bytes, { ...LIMITS });
    return 'ok';
  } catch (error) {
    return (error as HeadgateError).reason;
  }
}
