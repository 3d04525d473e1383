import { crc32 } from 'node:zlib';

/** A PNG of the common kind, with what its decode needs. */
export interface Png {
  readonly width: number;
  readonly height: number;
  readonly colourType: number;
  readonly hasAlpha: boolean;
  /** Bytes of a pixel as it is stored. */
  readonly pixelBytes: number;
  /** RGB entries; empty unless pixels are indices. */
  readonly palette: Uint8Array;
  /** Compressed lines. */
  readonly data: Uint8Array;
}

/** Inflated lines of at most this size: they are decoded on the calling thread, in 1 to 2 ms at the most. */
const MOST_BYTES = 256 * 1024;
/** A longer file has other content, maybe a million empty chunks, which take 0.5 s. */
const MOST_FILE_BYTES = 2 * MOST_BYTES;

/** One takes a tenth of a µs, however short. */
const MOST_LINES = 8192;

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const HEADER_BYTES = 13;
/** Length and type in front of a chunk's data, its CRC behind. */
const CHUNK_BYTES = 12;

const [IHDR, PLTE, IDAT, IEND] = ['IHDR', 'PLTE', 'IDAT', 'IEND'].map(codeOf) as [
  number,
  number,
  number,
  number,
];
/** Chunks that change no pixel (sharp ignores them too, since it applies no profile). */
const HARMLESS = new Set(['pHYs', 'sRGB', 'gAMA', 'cHRM', 'tIME', 'tEXt', 'eXIf'].map(codeOf));

/** Colour types of the format. */
export const [GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA] = [0, 2, 3, 4, 6] as const;
const PIXEL_BYTES = new Map<number, number>([
  [GREY, 1],
  [RGB, 3],
  [PALETTE, 1],
  [GREY_ALPHA, 2],
  [RGB_ALPHA, 4],
]);

/**
 * Reads a small, common PNG: 8 bits, not interlaced, no transparent colour, no animation, every CRC right. Whatever else
 * a file may be, sharp reads it or refuses it.
 */
export function readPng(bytes: Uint8Array): Png | undefined {
  if (bytes.byteLength > MOST_FILE_BYTES) return undefined;
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!SIGNATURE.equals(file.subarray(0, SIGNATURE.length))) return undefined;
  let png: Png | undefined;
  const data: Buffer[] = [];
  let previous = 0;
  for (let offset = SIGNATURE.length; offset + CHUNK_BYTES <= file.length; ) {
    const type = file.readUInt32BE(offset + 4);
    const end = offset + 8 + file.readUInt32BE(offset);
    if (end + 4 > file.length || file.readUInt32BE(end) !== crc32(file.subarray(offset + 4, end))) return;
    const content = file.subarray(offset + 8, end);
    if (type === IHDR && !png) png = readHeader(content);
    else if (!png) return;
    else if (type === IDAT && (data.length === 0 || previous === IDAT)) data.push(content);
    else if (type === PLTE && data.length === 0) png = withPalette(png, content);
    else if (type === IEND) return end + 4 === file.length ? complete(png, data) : undefined;
    else if (!HARMLESS.has(type)) return;
    previous = type;
    offset = end + 4;
  }
  return undefined;
}

function readHeader(header: Buffer): Png | undefined {
  if (header.length !== HEADER_BYTES) return undefined;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [depth, colourType = -1, ...methods] = header.subarray(8);
  const pixelBytes = PIXEL_BYTES.get(colourType);
  // Compression, filter and interlace methods.
  if (depth !== 8 || !pixelBytes || methods.some((method) => method !== 0)) return undefined;
  const size = (width * pixelBytes + 1) * height;
  if (width === 0 || height === 0 || height > MOST_LINES || size > MOST_BYTES) return undefined;
  const hasAlpha = colourType === GREY_ALPHA || colourType === RGB_ALPHA;
  return { width, height, colourType, hasAlpha, pixelBytes, palette: Buffer.alloc(0), data: Buffer.alloc(0) };
}

/** A palette of other pictures is a mere suggestion, and rare. */
function withPalette(png: Png, palette: Buffer): Png | undefined {
  const fits = palette.length > 0 && palette.length % 3 === 0 && palette.length <= 768;
  return png.colourType === PALETTE && png.palette.length === 0 && fits ? { ...png, palette } : undefined;
}

function complete(png: Png, data: readonly Buffer[]): Png | undefined {
  const [first] = data;
  // No encoder writes more than the lines themselves; the rest would be blocks without pixels, 65 ms for each MB.
  const byteLength = data.reduce((sum, { length }) => sum + length, 0);
  if (byteLength > 1.1 * (png.width * png.pixelBytes + 1) * png.height + 1024) return undefined;
  if (!first || (png.colourType === PALETTE && png.palette.length === 0)) return undefined;
  return { ...png, data: data.length === 1 ? first : Buffer.concat(data) };
}

function codeOf(type: string): number {
  return Buffer.from(type, 'latin1').readUInt32BE();
}
