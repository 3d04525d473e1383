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

/**
 * Most segments or chunks of a file that are looked at: a file of 10 MiB may have a million of them. Photos of that size
 * have 40,000 marks in their pixels.
 */
export const MOST_PARTS = 2 ** 17;
