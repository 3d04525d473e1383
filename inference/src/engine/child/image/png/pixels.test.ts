import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { pngOf } from '../../../../testing/png-writer.ts';
import { readPng } from './file.ts';
import { canBecome, decodePng } from './pixels.ts';

const OPTIONS = { failOn: 'warning', ignoreIcc: true } as const;

/** What sharp makes of it, as the decoder asks for it; undefined when it refuses the file. */
async function bySharp(file: Buffer, channels: 1 | 3, hasAlpha: boolean): Promise<Uint8Array | undefined> {
  const image = sharp(file, OPTIONS);
  if (hasAlpha) image.flatten({ background: '#000' });
  const coloured = image.toColourspace(channels === 1 ? 'b-w' : 'srgb').removeAlpha();
  const pixels = await coloured
    .raw({ depth: 'uchar' })
    .toBuffer()
    .catch(() => undefined);
  return pixels && new Uint8Array(pixels);
}

function byUs(file: Buffer, channels: 1 | 3): Uint8Array | undefined {
  const png = readPng(file);
  if (!png || !canBecome(png, channels)) return undefined;
  const out = new Uint8Array(png.width * png.height * channels).fill(0xaa);
  return decodePng(png, channels, out) ? out : undefined;
}

const TYPES = [
  { name: 'grey', colourType: 0, bytes: 1 },
  { name: 'RGB', colourType: 2, bytes: 3 },
  { name: 'palette', colourType: 3, bytes: 1 },
  { name: 'grey with alpha', colourType: 4, bytes: 2 },
  { name: 'RGB with alpha', colourType: 6, bytes: 4 },
] as const;

/** A PNG of random lines, each with a filter of its own: its pixels are whatever they decode to. */
const files = fc
  .record({
    type: fc.constantFrom(...TYPES),
    width: fc.integer({ min: 1, max: 40 }),
    height: fc.integer({ min: 1, max: 40 }),
    parts: fc.integer({ min: 1, max: 3 }),
    seed: fc.integer({ min: 1 }),
  })
  .map(({ type, width, height, parts, seed }) => {
    let state = seed;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return state >>> 24;
    };
    const lineBytes = width * type.bytes;
    const lines = Buffer.from(Array.from({ length: (lineBytes + 1) * height }, random));
    for (let line = 0; line < height; line += 1) lines[line * (lineBytes + 1)] = random() % 5;
    const palette = type.colourType === 3 ? Buffer.from(Array.from({ length: 768 }, random)) : undefined;
    return { hasAlpha: type.bytes % 2 === 0, file: pngOf({ width, height, ...type, lines, parts, palette }) };
  });

describe('a small PNG', () => {
  it('is decoded to the pixels of sharp, whatever its filters, size and colour type', async () => {
    await fc.assert(
      fc.asyncProperty(files, async ({ file, hasAlpha }) => {
        const ours = byUs(file, 3);
        expect(ours).toBeDefined();
        expect(ours).toEqual(await bySharp(file, 3, hasAlpha));
        const grey = byUs(file, 1);
        if (grey) expect(grey).toEqual(await bySharp(file, 1, hasAlpha));
      }),
      { numRuns: 200 },
    );
  });

  it('blends each value with each alpha as sharp does', async () => {
    for (const colourType of [4, 6]) {
      const colours = colourType === 4 ? 1 : 3;
      const line = (value: number) => [
        0,
        ...Array.from({ length: 256 }, (_, alpha) => [...new Array(colours).fill(value), alpha]).flat(),
      ];
      const lines = Buffer.from(Array.from({ length: 256 }, (_, value) => line(value)).flat());
      // In two halves: one would be too large to be decoded here.
      for (const half of [lines.subarray(0, lines.length / 2), lines.subarray(lines.length / 2)]) {
        const file = pngOf({ width: 256, height: 128, colourType, lines: half });
        expect(byUs(file, 3)).toEqual(await bySharp(file, 3, true));
      }
    }
  });

  it('is left to sharp when it wants a change of colour space', () => {
    const file = pngOf({ width: 1, height: 1, colourType: 2, lines: Buffer.of(0, 1, 2, 3) });
    expect(byUs(file, 1)).toBeUndefined();
  });

  it('is left to sharp when its data is damaged', () => {
    const grey = { width: 2, height: 2, colourType: 0 };
    const lines = Buffer.of(0, 1, 2, 0, 3, 4);
    const compressed = deflateSync(lines);
    const damaged = Buffer.from(compressed);
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
    expect(byUs(pngOf({ ...grey, lines }), 1)).toEqual(Uint8Array.of(1, 2, 3, 4));
    for (const compressedAs of [damaged, compressed.subarray(0, -2), Buffer.concat([compressed, lines])]) {
      expect(byUs(pngOf({ ...grey, compressed: compressedAs }), 1)).toBeUndefined();
    }
    expect(byUs(pngOf({ ...grey, lines: lines.subarray(0, 5) }), 1)).toBeUndefined();
    expect(byUs(pngOf({ ...grey, lines: Buffer.concat([lines, lines]) }), 1)).toBeUndefined();
    expect(byUs(pngOf({ ...grey, lines: Buffer.of(0, 1, 2, 5, 3, 4) }), 1)).toBeUndefined();
    const beyond = {
      width: 1,
      height: 1,
      colourType: 3,
      lines: Buffer.of(0, 1),
      palette: Buffer.of(1, 2, 3),
    };
    expect(byUs(pngOf(beyond), 3)).toBeUndefined();
  });
});
