/** Image formats that the inference side decodes, by their media type. */
export type ImageType = 'image/jpeg' | 'image/png' | 'image/webp';

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Reads the size from an image's header without decoding anything.
 *
 * @returns undefined when the header is cut off, contradicts its format, or names no pixels at all
 */
export type SizeReader = (bytes: Uint8Array) => Size | undefined;

/** A size, unless one of its sides is 0. */
function sizeOf(width: number, height: number): Size | undefined {
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** True when `bytes` holds `expected` from `offset` on. */
export function hasBytes(bytes: Uint8Array, offset: number, expected: readonly number[]): boolean {
  return expected.every((byte, i) => bytes[offset + i] === byte);
}

/** The bytes of an ASCII text. */
export function ascii(text: string): number[] {
  return Array.from(text, (char) => char.charCodeAt(0));
}

/** A view for reading numbers of several bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export const PNG_MAGIC: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const IHDR = ascii('IHDR');
/** Signature, then the IHDR chunk: length, type, 13 bytes, checksum. */
const HEADER_BYTES = 33;

/** Size from the IHDR chunk, which must come first (PNG specification, 11.2.1). */
export function pngSize(bytes: Uint8Array): Size | undefined {
  if (bytes.byteLength < HEADER_BYTES || !hasBytes(bytes, 12, IHDR)) return undefined;
  const view = viewOf(bytes);
  return view.getUint32(8) === 13 ? sizeOf(view.getUint32(16), view.getUint32(20)) : undefined;
}

/** A RIFF container of the kind WEBP. */
export function isWebp(bytes: Uint8Array): boolean {
  return hasBytes(bytes, 0, RIFF) && hasBytes(bytes, 8, WEBP);
}

const RIFF = ascii('RIFF');
const WEBP = ascii('WEBP');
const LOSSY = ascii('VP8 ');
const LOSSLESS = ascii('VP8L');
const EXTENDED = ascii('VP8X');
/** Where the first chunk starts, and its data after type and length. */
const CHUNK = 12;
const DATA = 20;
/** First bytes of a lossy key frame after its 3 byte tag, and of a lossless stream. */
const KEY_FRAME = [0x9d, 0x01, 0x2a] as const;
const LOSSLESS_SIGNATURE = 0x2f;

/** Size from the first chunk (RFC 9649): lossy frame header, lossless header, or the canvas of an extended file. */
export function webpSize(bytes: Uint8Array): Size | undefined {
  const view = viewOf(bytes);
  if (hasBytes(bytes, CHUNK, EXTENDED)) return extendedSize(view);
  if (hasBytes(bytes, CHUNK, LOSSY))
    return hasBytes(bytes, DATA + 3, KEY_FRAME) ? lossySize(view) : undefined;
  if (hasBytes(bytes, CHUNK, LOSSLESS)) return losslessSize(view);
  return undefined;
}

function lossySize(view: DataView): Size | undefined {
  if (view.byteLength < DATA + 10) return undefined;
  return sizeOf(view.getUint16(DATA + 6, true) & 0x3fff, view.getUint16(DATA + 8, true) & 0x3fff);
}

function losslessSize(view: DataView): Size | undefined {
  if (view.byteLength < DATA + 5 || view.getUint8(DATA) !== LOSSLESS_SIGNATURE) return undefined;
  const bits = view.getUint32(DATA + 1, true);
  return sizeOf((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
}

function extendedSize(view: DataView): Size | undefined {
  if (view.byteLength < DATA + 10) return undefined;
  const uint24 = (offset: number) => view.getUint16(offset, true) | (view.getUint8(offset + 2) << 16);
  return sizeOf(uint24(DATA + 4) + 1, uint24(DATA + 7) + 1);
}
