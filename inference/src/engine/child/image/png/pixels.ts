import { inflateSync } from 'node:zlib';
import { GREY, GREY_ALPHA, PALETTE, type Png, RGB_ALPHA } from './file.ts';

/** Whether a picture becomes one of so many channels without a change of colour space, which is sharp's. */
export function canBecome({ colourType }: Png, channels: 1 | 3): boolean {
  return channels === 3 || colourType === GREY || colourType === GREY_ALPHA;
}

/**
 * Decodes what `readPng` has read. Alpha is blended over black.
 *
 * @param out width × height × channels bytes
 * @returns false when the data is damaged
 */
export function decodePng(png: Png, channels: 1 | 3, out: Uint8Array): boolean {
  const { width, height, pixelBytes } = png;
  const lineBytes = width * pixelBytes;
  const lines = inflate(png.data, (lineBytes + 1) * height);
  if (!lines) return false;
  const isFinal = pixelBytes === channels && png.colourType !== PALETTE;
  if (!unfilter(lines, isFinal ? out : lines, { lineBytes, pixelBytes })) return false;
  return isFinal || convert(png, { stored: lines, count: width * height, out, channels });
}

/** @returns undefined unless there are so many bytes, and nothing behind them */
function inflate(data: Uint8Array, byteLength: number): Buffer | undefined {
  try {
    // One byte more: a buffer that is just filled would be followed by another one.
    const options = { chunkSize: Math.max(64, byteLength + 1), maxOutputLength: byteLength + 1, info: true };
    const { buffer, engine } = inflateSync(data, options) as unknown as Inflated;
    return buffer.length === byteLength && engine.bytesWritten === data.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

/** What zlib answers to `info`. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/**
 * Reverses the filters (PNG specification, 9.2). Source and target may be the same: lines move towards the front.
 *
 * @returns false when a filter is none
 */
function unfilter(
  lines: Uint8Array,
  out: Uint8Array,
  { lineBytes, pixelBytes }: { readonly lineBytes: number; readonly pixelBytes: number },
): boolean {
  let to = 0;
  for (let from = 0; from < lines.length; from += lineBytes + 1) {
    const reverse = FILTERS[lines[from] as number];
    if (!reverse) return false;
    // What lies above the first line is 0, which makes its filters the plainest ones.
    if (to === 0) firstLine(lines, out, { lineBytes, pixelBytes });
    else reverse(lines, out, { from: from + 1, to, lineBytes, pixelBytes });
    to += lineBytes;
  }
  return true;
}

interface Line {
  /** Offset of the filtered line. */
  readonly from: number;
  /** Offset of the line that comes out, right behind the one above. */
  readonly to: number;
  readonly lineBytes: number;
  readonly pixelBytes: number;
}

type Reverse = (lines: Uint8Array, out: Uint8Array, line: Line) => void;

const FILTERS: readonly Reverse[] = [none, sub, up, average, paeth];

function firstLine(
  lines: Uint8Array,
  out: Uint8Array,
  { lineBytes, pixelBytes }: Pick<Line, 'lineBytes' | 'pixelBytes'>,
): void {
  const filter = lines[0];
  for (let i = 0; i < lineBytes; i += 1) {
    const left = i < pixelBytes ? 0 : (out[i - pixelBytes] as number);
    // Paeth's predictor is the left neighbour then.
    const predicted = filter === 1 || filter === 4 ? left : filter === 3 ? left >> 1 : 0;
    out[i] = (lines[i + 1] as number) + predicted;
  }
}

function none(lines: Uint8Array, out: Uint8Array, { from, to, lineBytes }: Line): void {
  out.set(lines.subarray(from, from + lineBytes), to);
}

function sub(lines: Uint8Array, out: Uint8Array, { from, to, lineBytes, pixelBytes }: Line): void {
  for (let i = 0; i < pixelBytes; i += 1) out[to + i] = lines[from + i] as number;
  for (let i = pixelBytes; i < lineBytes; i += 1) {
    out[to + i] = (lines[from + i] as number) + (out[to + i - pixelBytes] as number);
  }
}

function up(lines: Uint8Array, out: Uint8Array, { from, to, lineBytes }: Line): void {
  const above = to - lineBytes;
  for (let i = 0; i < lineBytes; i += 1) {
    out[to + i] = (lines[from + i] as number) + (out[above + i] as number);
  }
}

function average(lines: Uint8Array, out: Uint8Array, { from, to, lineBytes, pixelBytes }: Line): void {
  const above = to - lineBytes;
  for (let i = 0; i < lineBytes; i += 1) {
    const left = i < pixelBytes ? 0 : (out[to + i - pixelBytes] as number);
    out[to + i] = (lines[from + i] as number) + ((left + (out[above + i] as number)) >> 1);
  }
}

function paeth(lines: Uint8Array, out: Uint8Array, { from, to, lineBytes, pixelBytes }: Line): void {
  const above = to - lineBytes;
  for (let i = 0; i < pixelBytes; i += 1) {
    out[to + i] = (lines[from + i] as number) + (out[above + i] as number);
  }
  for (let i = pixelBytes; i < lineBytes; i += 1) {
    const a = out[to + i - pixelBytes] as number;
    const b = out[above + i] as number;
    const c = out[above + i - pixelBytes] as number;
    const pa = Math.abs(b - c);
    const pb = Math.abs(a - c);
    const pc = Math.abs(a + b - c - c);
    const predicted = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    out[to + i] = (lines[from + i] as number) + predicted;
  }
}

interface Pixels {
  readonly stored: Uint8Array;
  readonly count: number;
  readonly out: Uint8Array;
  readonly channels: 1 | 3;
}

/** Brings stored pixels to the channels that are wanted. @returns false when an index is beyond the palette */
function convert({ colourType, hasAlpha, palette }: Png, pixels: Pixels): boolean {
  if (colourType === PALETTE) return lookUp(palette, pixels);
  if (colourType === RGB_ALPHA) blendColours(pixels);
  else spreadGreys(pixels, hasAlpha);
  return true;
}

function lookUp(palette: Uint8Array, { stored, count, out }: Pixels): boolean {
  for (let i = 0; i < count; i += 1) {
    const entry = (stored[i] as number) * 3;
    if (entry >= palette.length) return false;
    out[i * 3] = palette[entry] as number;
    out[i * 3 + 1] = palette[entry + 1] as number;
    out[i * 3 + 2] = palette[entry + 2] as number;
  }
  return true;
}

/** Fractions are cut, as libvips does. */
function blendColours({ stored, count, out }: Pixels): void {
  for (let i = 0; i < count; i += 1) {
    const alpha = stored[i * 4 + 3] as number;
    out[i * 3] = ((stored[i * 4] as number) * alpha) / 255;
    out[i * 3 + 1] = ((stored[i * 4 + 1] as number) * alpha) / 255;
    out[i * 3 + 2] = ((stored[i * 4 + 2] as number) * alpha) / 255;
  }
}

function spreadGreys({ stored, count, out, channels }: Pixels, hasAlpha: boolean): void {
  for (let i = 0; i < count; i += 1) {
    const value = hasAlpha ? ((stored[i * 2] as number) * (stored[i * 2 + 1] as number)) / 255 : stored[i];
    out.fill(value as number, i * channels, (i + 1) * channels);
  }
}
