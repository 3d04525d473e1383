import { crc32 } from 'node:zlib';
import { ascii, hasBytes, MOST_PARTS, viewOf } from './bytes.ts';
import type { ImageType } from './header.ts';
import { eachSegment } from './jpeg.ts';

/** How a stored picture is turned to be shown, as EXIF numbers it; 1: as it is stored. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** Stored columns become rows: width and height change places. */
export function swapsSides(orientation: Orientation): boolean {
  return orientation > 4;
}

/**
 * The orientation that EXIF gives: tag 0x112 of its first directory (CIPA DC-008, 4.6.5). XMP is not asked, as in browsers.
 *
 * @returns 1 also where EXIF is absent or damaged
 */
export function orientationOf(bytes: Uint8Array, type: ImageType): Orientation {
  return READERS[type](bytes);
}

const READERS: Record<ImageType, (bytes: Uint8Array) => Orientation> = {
  'image/jpeg': ofJpeg,
  'image/png': ofPng,
  'image/webp': ofWebp,
};

const APP1 = 0xe1;
/** In front of the TIFF data in JPEG; some writers put it into PNG and WebP too, or write it twice. */
const EXIF_PREFIX = ascii('Exif\0\0');

function ofJpeg(bytes: Uint8Array): Orientation {
  let orientation: Orientation = 1;
  eachSegment(bytes, ({ code, start, end }) => {
    const isExif = code === APP1 && hasBytes(bytes, start + 4, EXIF_PREFIX);
    if (isExif) orientation = ofExif(bytes.subarray(start + 4, end));
    return isExif;
  });
  return orientation;
}

const SIGNATURE_BYTES = 8;
const [EXIF_CHUNK, IEND] = [0x65584966, 0x49454e44] as const;

/** A chunk with a wrong checksum is ignored, as readers do with all that is not needed for pixels. */
function ofPng(bytes: Uint8Array): Orientation {
  const view = viewOf(bytes);
  let offset = SIGNATURE_BYTES;
  for (let parts = 0; parts < MOST_PARTS && offset + 12 <= bytes.byteLength; parts += 1) {
    const type = view.getUint32(offset + 4);
    const end = offset + 8 + view.getUint32(offset);
    if (type === IEND || end + 4 > bytes.byteLength) break;
    if (type === EXIF_CHUNK) {
      const orientation = ofExif(bytes.subarray(offset + 8, end));
      const isWhole = () => crc32(bytes.subarray(offset + 4, end)) === view.getUint32(end);
      return orientation !== 1 && isWhole() ? orientation : 1;
    }
    offset = end + 4;
  }
  return 1;
}

const FIRST_CHUNK = 12;
const [VP8X, EXIF] = [0x56503858, 0x45584946] as const;
const EXIF_FLAG = 0x08;

/** Only an extended file has EXIF, and says so by a flag (RFC 9649, 2.7). */
function ofWebp(bytes: Uint8Array): Orientation {
  const view = viewOf(bytes);
  if (bytes.byteLength < FIRST_CHUNK + 9 || view.getUint32(FIRST_CHUNK) !== VP8X) return 1;
  if ((view.getUint8(FIRST_CHUNK + 8) & EXIF_FLAG) === 0) return 1;
  const fileEnd = Math.min(bytes.byteLength, 8 + view.getUint32(4, true));
  let offset = FIRST_CHUNK;
  for (let parts = 0; parts < MOST_PARTS && offset + 8 <= fileEnd; parts += 1) {
    const length = view.getUint32(offset + 4, true);
    const end = offset + 8 + length;
    if (view.getUint32(offset) === EXIF) return ofExif(bytes.subarray(offset + 8, Math.min(end, fileEnd)));
    offset = end + (length % 2);
  }
  return 1;
}

const [LITTLE_ENDIAN, BIG_ENDIAN] = [ascii('II*\0'), ascii('MM\0*')] as const;
const ORIENTATION_TAG = 0x112;
const ENTRY_BYTES = 12;
/** Types of TIFF that hold a whole number: BYTE, SHORT, LONG. */
const [BYTE, SHORT, LONG] = [1, 3, 4] as const;

/** Looks at one directory and follows nothing, so that loops have no effect. Of several entries the last one counts. */
function ofExif(exif: Uint8Array): Orientation {
  let tiff = exif;
  while (hasBytes(tiff, 0, EXIF_PREFIX)) tiff = tiff.subarray(EXIF_PREFIX.length);
  const isLittle = hasBytes(tiff, 0, LITTLE_ENDIAN);
  if (tiff.byteLength < 8 || (!isLittle && !hasBytes(tiff, 0, BIG_ENDIAN))) return 1;
  const view = viewOf(tiff);
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > tiff.byteLength) return 1;
  const count = view.getUint16(directory, isLittle);
  let value = 1;
  for (let i = 0; i < count; i += 1) {
    const entry = directory + 2 + i * ENTRY_BYTES;
    if (entry + ENTRY_BYTES > tiff.byteLength) break;
    if (view.getUint16(entry, isLittle) === ORIENTATION_TAG) value = numberAt(view, entry, isLittle);
  }
  return value >= 1 && value <= 8 ? (value as Orientation) : 1;
}

function numberAt(view: DataView, entry: number, isLittle: boolean): number {
  const type = view.getUint16(entry + 2, isLittle);
  if (view.getUint32(entry + 4, isLittle) !== 1) return 1;
  if (type === BYTE) return view.getUint8(entry + 8);
  if (type === SHORT) return view.getUint16(entry + 8, isLittle);
  return type === LONG ? view.getUint32(entry + 8, isLittle) : 1;
}
