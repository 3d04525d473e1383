import { ascii, hasBytes, type Size, sizeOf, viewOf } from './format.ts';

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
