/** Image formats that the inference side decodes, by their media type. */
export type ImageType = 'image/jpeg' | 'image/png' | 'image/webp';

export interface Size {
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
export function sizeOf(width: number, height: number): Size | undefined {
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
