import { readdirSync, readFileSync } from 'node:fs';
import { pngChunk } from '@headgate/testkit/png';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { waves } from '../../../../testing/images.ts';
import { chunksOf, SIGNATURE } from '../../../../testing/png-writer.ts';
import { readPng } from './file.ts';
import { decodePng } from './pixels.ts';

const corpus = (name: string) => readFileSync(new URL(`../corpus/${name}`, import.meta.url));

/** A plain file, with its chunks changed; every CRC is right. */
async function changed(change: (chunks: [string, Buffer][]) => [string, Buffer][]): Promise<Buffer> {
  const chunks = chunksOf(await waves(20, 16).png().toBuffer());
  return Buffer.concat([SIGNATURE, ...change(chunks).map(([type, data]) => pngChunk(type, data))]);
}
const inserted = (type: string, data: Buffer) =>
  changed(([header, ...rest]) => [header as [string, Buffer], [type, data], ...rest]);

describe('readPng', () => {
  it('reads a plain PNG', async () => {
    const png = readPng(await waves(20, 16).png().toBuffer());
    expect(png).toMatchObject({ width: 20, height: 16, colourType: 2, hasAlpha: false, pixelBytes: 3 });
  });

  it.each(['alpha.png', 'grey-alpha.png', 'plain.png', 'turned.png'])(
    'reads %s of the corpus, and decodes it',
    (name) => {
      const png = readPng(corpus(name));
      expect(png).toBeDefined();
      if (png) expect(decodePng(png, 3, new Uint8Array(png.width * png.height * 3))).toBe(true);
    },
  );

  it('leaves everything else of the corpus to sharp', () => {
    const others = readdirSync(new URL('../corpus/', import.meta.url)).filter(
      (name) => !['alpha.png', 'grey-alpha.png', 'plain.png', 'turned.png'].includes(name),
    );
    for (const name of others) expect([name, readable(corpus(name))]).toEqual([name, false]);
  });

  it('leaves what is large, cut off, or wrong in one bit to sharp', async () => {
    const file = await waves(20, 16).png().toBuffer();
    expect(readPng(await waves(400, 300).png().toBuffer())).toBeUndefined();
    for (let length = 0; length < file.length; length += 1) {
      expect(readPng(file.subarray(0, length))).toBeUndefined();
    }
    for (let at = 0; at < file.length; at += 1) {
      const damaged = Buffer.from(file);
      damaged[at] = (damaged[at] as number) ^ 4;
      expect(readPng(damaged)).toBeUndefined();
    }
    expect(readPng(Buffer.concat([file, Buffer.of(0)]))).toBeUndefined();
  });

  it('leaves more bytes than the lines have, and thousands of lines, to sharp: they would hold the calling thread', async () => {
    const longer = (byteLength: number) =>
      changed((chunks) =>
        chunks.map(([type, data]) => [
          type,
          type === 'IDAT' ? Buffer.concat([data, Buffer.alloc(byteLength)]) : data,
        ]),
      );
    expect(readPng(await longer(100))).toBeDefined();
    expect(readPng(await longer(4000))).toBeUndefined();
    const tall = { width: 1, height: 9000, channels: 3, background: '#123456' } as const;
    expect(readPng(await sharp({ create: tall }).png().toBuffer())).toBeUndefined();
  });

  it('leaves chunks to sharp that may change pixels, or that it does not know', async () => {
    expect(readPng(await inserted('pHYs', Buffer.alloc(9)))).toBeDefined();
    for (const type of ['iCCP', 'tRNS', 'PLTE', 'acTL', 'sBIT', 'ABCD']) {
      expect(readPng(await inserted(type, Buffer.alloc(9)))).toBeUndefined();
    }
  });

  it('leaves a long file to sharp, whatever its length comes from', async () => {
    const empty = await changed(([header, ...rest]) => [
      header as [string, Buffer],
      ...new Array(50_000).fill(['tEXt', Buffer.alloc(0)]),
      ...rest,
    ]);
    expect(readPng(empty)).toBeUndefined();
  });

  it('leaves lines to sharp that are not one run of chunks', async () => {
    const apart = await changed((chunks) =>
      chunks.flatMap(([type, data]) =>
        type === 'IDAT'
          ? [
              [type, data.subarray(0, 9)] as [string, Buffer],
              ['tIME', Buffer.alloc(7)],
              [type, data.subarray(9)],
            ]
          : [[type, data] as [string, Buffer]],
      ),
    );
    expect(readPng(apart)).toBeUndefined();
  });

  it('accepts nothing that sharp refuses, whatever the bytes of its chunks are', async () => {
    const seeds = ['alpha.png', 'grey-alpha.png', 'plain.png'].map((name) => chunksOf(corpus(name)));
    const extra = ['pHYs', 'sRGB', 'gAMA', 'cHRM', 'tIME', 'tEXt', 'eXIf'].map((type): [string, Buffer] => [
      type,
      Buffer.alloc(9, 1),
    ]);
    const damage = fc.record({
      seed: fc.constantFrom(...seeds),
      extra: fc.constantFrom(...extra),
      data: fc.uint8Array({ maxLength: 40 }),
      at: fc.nat(5),
      changes: fc.array(fc.tuple(fc.nat(5), fc.nat(60), fc.nat(255)), { maxLength: 2 }),
    });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(damage, async ({ seed, extra: [type], data, at, changes }) => {
        const chunks = seed.map(([name, bytes]): [string, Buffer] => [name, Buffer.from(bytes)]);
        for (const [chunk, offset, value] of changes) {
          const bytes = chunks[chunk]?.[1];
          if (bytes && offset < bytes.length) bytes[offset] = value;
        }
        chunks.splice(at, 0, [type, Buffer.from(data)]);
        const file = Buffer.concat([SIGNATURE, ...chunks.map(([name, bytes]) => pngChunk(name, bytes))]);
        const png = readPng(file);
        if (!png || !decodePng(png, 3, new Uint8Array(png.width * png.height * 3))) return;
        accepted += 1;
        await expect(
          sharp(file, { failOn: 'warning', ignoreIcc: true }).raw().toBuffer(),
        ).resolves.toBeDefined();
      }),
      { numRuns: 400 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});

function readable(file: Buffer): boolean {
  const png = readPng(file);
  return png !== undefined && decodePng(png, 3, new Uint8Array(png.width * png.height * 3));
}
