import { deflateSync } from 'node:zlib';
import { pngChunk } from '@headgate/testkit/png';

export const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly colourType: number;
  /** Filter byte and bytes of each line. */
  readonly lines?: Buffer;
  /** In place of `lines`. */
  readonly compressed?: Buffer;
  /** Chunks of compressed lines. */
  readonly parts?: number;
  readonly palette?: Buffer | undefined;
}

/** A PNG of 8 bits, part by part, so that a test can be wrong on purpose. */
export function pngOf({ width, height, colourType, palette, parts = 1, ...data }: PngParts): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, colourType], 8);
  const compressed = data.compressed ?? deflateSync(data.lines ?? Buffer.alloc(0));
  const size = Math.ceil(compressed.length / parts);
  return Buffer.concat([
    SIGNATURE,
    pngChunk('IHDR', header),
    palette ? pngChunk('PLTE', palette) : Buffer.alloc(0),
    ...Array.from({ length: parts }, (_, i) =>
      pngChunk('IDAT', compressed.subarray(i * size, (i + 1) * size)),
    ),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Types and contents of the chunks of a file. */
export function chunksOf(file: Buffer): [string, Buffer][] {
  const chunks: [string, Buffer][] = [];
  for (let offset = SIGNATURE.length; offset < file.length; ) {
    const end = offset + 8 + file.readUInt32BE(offset);
    chunks.push([file.toString('latin1', offset + 4, offset + 8), file.subarray(offset + 8, end)]);
    offset = end + 4;
  }
  return chunks;
}
