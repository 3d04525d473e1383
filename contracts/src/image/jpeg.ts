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

/** A segment in front of the pixels, with its marker. */
export interface JpegSegment {
  /** Second byte of the marker. */
  readonly code: number;
  /** Of the marker. */
  readonly start: number;
  /** Behind the last byte; may be beyond the end of the file. */
  readonly end: number;
}

/**
 * Walks through the segments up to the first scan or the end of the image, as libjpeg does: a segment is skipped by its
 * length, and bytes between segments that are no marker are ignored. It ends at a length that cannot be, and after MOST_PARTS.
 *
 * @param visit returns true to stop
 */
export function eachSegment(bytes: Uint8Array, visit: (segment: JpegSegment) => boolean): void {
  const view = viewOf(bytes);
  let offset = 2;
  for (let parts = 0; parts < MOST_PARTS && offset + 4 <= bytes.byteLength; parts += 1) {
    const code = bytes[offset + 1] as number;
    if (bytes[offset] !== MARKER) {
      offset = bytes.indexOf(MARKER, offset);
      if (offset < 0) return;
    } else if (code === MARKER) {
      offset += 1; // fill byte
    } else if (standsAlone(code)) {
      offset += 2;
    } else if (code === START_OF_SCAN || code === END_OF_IMAGE) {
      return;
    } else {
      const length = view.getUint16(offset + 2);
      const end = offset + 2 + length;
      if (length < 2 || visit({ code, start: offset, end })) return;
      offset = end;
    }
  }
}

/**
 * Reads the first frame header. A thumbnail inside of EXIF is not taken for the image. Nothing is decoded.
 *
 * @returns undefined when the header is cut off, contradicts the format, names no pixels at all, or lies behind more
 * segments and fill bytes than are looked at
 */
export function readJpegFrame(bytes: Uint8Array): JpegFrame | undefined {
  let frame: JpegFrame | undefined;
  eachSegment(bytes, ({ code, start }) => {
    const isFrame = isStartOfFrame(code);
    if (isFrame) frame = frameOf(viewOf(bytes), start, code);
    return isFrame;
  });
  return frame;
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

/** The scans of a picture. */
export interface JpegScans {
  /** Infinity for a file that only makes its readers search. */
  readonly scans: number;
  /** Bytes of all segments in front of the scans. */
  readonly segmentBytes: number;
  /** Where the picture ends: other pictures, films and anything else may lie behind. */
  readonly end: number;
}

const END_MARK = Buffer.of(MARKER, END_OF_IMAGE);

/**
 * Counts the scans of the picture, those that end it included. The usual file has one of all components, whose pixels
 * are only searched for the end mark: 1 ms for 10 MiB.
 */
export function countScans(bytes: Uint8Array, { components, isProgressive, end }: JpegFrame): JpegScans {
  const view = viewOf(bytes);
  let scans = 0;
  let segmentBytes = end;
  let steps = 0;
  let at = bytes.indexOf(MARKER, end);
  for (; at >= 0 && at + 4 < bytes.byteLength; ) {
    steps += 1;
    if (steps > MOST_PARTS) return { scans: Number.POSITIVE_INFINITY, segmentBytes, end: bytes.byteLength };
    const code = bytes[at + 1] as number;
    if (code === END_OF_IMAGE) break;
    if (code === START_OF_SCAN) {
      scans += 1;
      // A decoder refuses a second scan behind one of all components.
      if (!isProgressive && scans === 1 && bytes[at + 4] === components) {
        at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(END_MARK, at);
        break;
      }
    }
    const length = code === MARKER ? 1 : standsAlone(code) ? 2 : 2 + view.getUint16(at + 2);
    segmentBytes += length;
    at = bytes.indexOf(MARKER, at + length);
  }
  const isEnded = at >= 0 && bytes[at + 1] === END_OF_IMAGE;
  return { scans: Math.max(1, scans), segmentBytes, end: isEnded ? at + 2 : bytes.byteLength };
}
