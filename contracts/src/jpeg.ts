export const JPEG_MAGIC: readonly number[] = [0xff, 0xd8, 0xff];

const MARKER = 0xff;
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
/** Start-of-frame markers C0 to CF, without DHT (C4), JPG (C8) and DAC (CC). */
const isStartOfFrame = (code: number) =>
  code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc;
/** Markers without a length: TEM and RST0 to RST7. */
const standsAlone = (code: number) => code === 0x01 || (code >= 0xd0 && code <= 0xd7);

/**
 * Size in pixels, from the first frame header (ITU-T T.81, B.2.2). Segments before it are skipped by their length, so a
 * thumbnail inside of EXIF is not taken for the image. Nothing is decoded.
 *
 * @returns undefined when the header is cut off, contradicts the format, or names no pixels at all
 */
export function jpegSize(bytes: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 2;
  while (offset + 4 <= bytes.byteLength) {
    if (bytes[offset] !== MARKER) return undefined;
    const code = bytes[offset + 1] as number;
    if (code === MARKER) {
      offset += 1; // fill byte
    } else if (standsAlone(code)) {
      offset += 2;
    } else if (code === START_OF_SCAN || code === END_OF_IMAGE) {
      return undefined;
    } else if (isStartOfFrame(code)) {
      if (offset + 9 > bytes.byteLength) return undefined;
      const [width, height] = [view.getUint16(offset + 7), view.getUint16(offset + 5)];
      return width > 0 && height > 0 ? { width, height } : undefined;
    } else {
      // A length too small to be true leads onto itself, where no marker is.
      offset += 2 + view.getUint16(offset + 2);
    }
  }
  return undefined;
}
