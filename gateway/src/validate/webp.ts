import { ascii, hasBytes, type Size, sizeOf, viewOf } from './format.ts';

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
