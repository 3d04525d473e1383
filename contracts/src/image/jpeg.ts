import { MOST_PARTS, viewOf } from './bytes.ts';

export const JPEG_MAGIC: readonly number[] = [0xff, 0xd8, 0xff];

/** What the first frame header says (ITU-T T.81, B.2.2), and where the pixels begin. */
export interface JpegFrame {
  readonly width: number;
  readonly height: number;
  /** Colour components: 1 grey, 3 YCbCr, 4 CMYK. */
  readonly components: number;
  /** Each scan refines the whole picture. */
  readonly isProgressive: boolean;
  /** Arithmetic coding or lossless: rare, and slow to read. */
  readonly isRare: boolean;
  /** Where the first segment behind the frame header begins. */
  readonly end: number;
}

const MARKER = 0xff;
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
/** Start-of-frame markers C0 to CF, without DHT (C4), JPG (C8) and DAC (CC). */
const isStartOfFrame = (code: number) =>
  code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc;
/** Markers without a length: TEM and RST0 to RST7; and the zero behind an FF of coded pixels. */
const standsAlone = (code: number) => code <= 0x01 || (code >= 0xd0 && code <= 0xd7);

/**
 * Reads the first frame header. Segments before it are skipped by their length, so a thumbnail inside of EXIF is not
 * taken for the image. Nothing is decoded.
 *
 * @returns undefined when the header is cut off, contradicts the format, names no pixels at all, or lies behind more
 * segments and fill bytes than are looked at
 */
export function readJpegFrame(bytes: Uint8Array): JpegFrame | undefined {
  const view = viewOf(bytes);
  let offset = 2;
  for (let parts = 0; parts < MOST_PARTS && offset + 4 <= view.byteLength; parts += 1) {
    if (bytes[offset] !== MARKER) return undefined;
    const code = bytes[offset + 1] as number;
    if (code === MARKER) {
      offset += 1; // fill byte
    } else if (code !== 0 && standsAlone(code)) {
      offset += 2;
    } else if (code === START_OF_SCAN || code === END_OF_IMAGE) {
      return undefined;
    } else if (isStartOfFrame(code)) {
      return frameOf(view, offset, code);
    } else {
      // A length too small to be true leads onto itself, where no marker is.
      offset += 2 + view.getUint16(offset + 2);
    }
  }
  return undefined;
}

function frameOf(view: DataView, offset: number, code: number): JpegFrame | undefined {
  if (offset + 9 > view.byteLength) return undefined;
  const [width, height] = [view.getUint16(offset + 7), view.getUint16(offset + 5)];
  if (width === 0 || height === 0) return undefined;
  return {
    width,
    height,
    components: offset + 9 < view.byteLength ? view.getUint8(offset + 9) : 1,
    isProgressive: (code & 3) === 2,
    isRare: code >= 0xc9 || (code & 3) === 3,
    end: offset + 2 + view.getUint16(offset + 2),
  };
}

/**
 * Scans of the picture, those that end it included, and the bytes of all segments in front of them. What lies behind
 * the end of the image is not looked at.
 *
 * @returns 1 scan for the usual file with one of all components, without a look at its pixels; Infinity for a file
 * that only makes its readers search
 */
export function countScans(bytes: Uint8Array, { components, isProgressive, end }: JpegFrame) {
  const view = viewOf(bytes);
  let scans = 0;
  let segmentBytes = end;
  let steps = 0;
  for (let at = bytes.indexOf(MARKER, end); at >= 0 && at + 4 < bytes.byteLength; ) {
    steps += 1;
    if (steps > MOST_PARTS) return { scans: Number.POSITIVE_INFINITY, segmentBytes };
    const code = bytes[at + 1] as number;
    if (code === END_OF_IMAGE) break;
    if (code === START_OF_SCAN) {
      scans += 1;
      // A decoder refuses a second scan behind one of all components.
      if (!isProgressive && scans === 1 && bytes[at + 4] === components) return { scans, segmentBytes };
    }
    const length = code === MARKER ? 1 : standsAlone(code) ? 2 : 2 + view.getUint16(at + 2);
    segmentBytes += length;
    at = bytes.indexOf(MARKER, at + length);
  }
  return { scans: Math.max(1, scans), segmentBytes };
}
