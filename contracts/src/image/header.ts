import { ascii, hasBytes, MOST_PARTS, viewOf } from './bytes.ts';
import { countScans, JPEG_MAGIC, readJpegFrame } from './jpeg.ts';
import { groupsOf } from './vp8l.ts';

/** Image formats that the inference side decodes, by their media type. */
export type ImageType = 'image/jpeg' | 'image/png' | 'image/webp';

/** What a file says about itself before it is decoded: its size, and what makes a decode costly. */
export interface ImageHeader {
  readonly type: ImageType;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** Bytes of one pixel as a decoder holds it. */
  readonly pixelBytes: number;
  /** Bytes that are read as pixels: of a PNG its IDAT chunks, of a WebP those of its first picture, of a JPEG all up to its end. */
  readonly dataBytes: number;
  /** Alpha has to be blended. */
  readonly hasAlpha: boolean;
  /** JPEG in several scans, or PNG in seven passes: a decoder holds the whole picture. */
  readonly isInPasses: boolean;
  /** Parts that a decoder takes one by one: scans of a JPEG, chunks of a PNG or an extended WebP; else 1. */
  readonly parts: number;
  /** The slow way of the format: JPEG with arithmetic coding or lossless; WebP that is lossless or may be. */
  readonly isSlow: boolean;
  /** Compressed text of a PNG, in bytes: readers inflate it, a thousandfold, and throw it away. */
  readonly packedTextBytes: number;
  /** Segments of a JPEG and chunks of a PNG with tables, profiles and other data beside the pixels, in bytes. */
  readonly segmentBytes: number;
  /** Groups of prefix codes of a lossless WebP or of its alpha: a decoder builds tables for each. */
  readonly codeGroups: number;
}

/**
 * Reads an image's header without decoding anything: microseconds for an ordinary file.
 *
 * @returns undefined when the header is cut off, contradicts its format, or names no pixels at all
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const type = imageTypeOf(bytes);
  const header = type && READERS[type](bytes);
  return header && header.width > 0 && header.height > 0 ? { ...header, type } : undefined;
}

/** The format that the first bytes show. */
export function imageTypeOf(bytes: Uint8Array): ImageType | undefined {
  if (hasBytes(bytes, 0, JPEG_MAGIC)) return 'image/jpeg';
  if (hasBytes(bytes, 0, PNG_MAGIC)) return 'image/png';
  return hasBytes(bytes, 0, RIFF) && hasBytes(bytes, 8, WEBP) ? 'image/webp' : undefined;
}

type Read = (bytes: Uint8Array) => Omit<ImageHeader, 'type'> | undefined;

const READERS: Record<ImageType, Read> = {
  'image/jpeg': readJpeg,
  'image/png': readPng,
  'image/webp': readWebp,
};

const PLAIN = {
  hasAlpha: false,
  isInPasses: false,
  parts: 1,
  isSlow: false,
  packedTextBytes: 0,
  segmentBytes: 0,
  codeGroups: 0,
};

/** Bytes of a DCT coefficient. */
const COEFFICIENT_BYTES = 2;

function readJpeg(bytes: Uint8Array): ReturnType<Read> {
  const frame = readJpegFrame(bytes);
  if (!frame) return undefined;
  const { width, height, components, isRare } = frame;
  const { scans: parts, segmentBytes, end: dataBytes } = countScans(bytes, frame);
  const isInPasses = parts > 1;
  const pixelBytes = components * (isInPasses ? COEFFICIENT_BYTES : 1);
  return { ...PLAIN, width, height, pixelBytes, dataBytes, isInPasses, parts, isSlow: isRare, segmentBytes };
}

const PNG_MAGIC: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const [IHDR, IDAT, IEND] = [0x49484452, 0x49444154, 0x49454e44] as const;
const [TRNS, ZTXT, ITXT] = [0x74524e53, 0x7a545874, 0x69545874] as const;
/** Signature, then the IHDR chunk: length, type, 13 bytes, checksum. */
const HEADER_BYTES = 33;
/** Length and type before the data of a chunk, checksum behind it. */
const CHUNK_BYTES = 12;
/** Channels by colour type: grey, RGB, palette (becomes RGB), grey with alpha, RGB with alpha. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/** From the IHDR chunk, which must come first (PNG specification, 11.2.1); the other chunks are counted. */
function readPng(bytes: Uint8Array): ReturnType<Read> {
  if (bytes.byteLength < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(8) !== 13 || view.getUint32(12) !== IHDR) return undefined;
  const [depth, colourType, interlace] = [view.getUint8(24), view.getUint8(25), view.getUint8(28)];
  const { count, isTransparent, dataBytes, segmentBytes, packedTextBytes } = chunksOf(bytes, view);
  const channels = (CHANNELS[colourType] ?? 4) + (isTransparent ? 1 : 0);
  return {
    ...PLAIN,
    width: view.getUint32(16),
    height: view.getUint32(20),
    pixelBytes: channels * (depth > 8 ? 2 : 1),
    dataBytes,
    hasAlpha: isTransparent || colourType === 4 || colourType === 6,
    isInPasses: interlace !== 0,
    parts: count,
    segmentBytes,
    packedTextBytes,
  };
}

/** Readers give up a text beyond 8 MiB, to which so much may inflate. */
const MOST_PACKED_BYTES = 16_384;

function chunksOf(bytes: Uint8Array, view: DataView) {
  let count = 1;
  let isTransparent = false;
  let dataBytes = 0;
  let segmentBytes = 0;
  let packedTextBytes = 0;
  for (let offset = HEADER_BYTES; offset + CHUNK_BYTES <= view.byteLength; count += 1) {
    const length = view.getUint32(offset);
    const type = view.getUint32(offset + 4);
    if (type === IEND) break;
    const present = Math.min(length, view.byteLength - offset);
    if (type === IDAT) dataBytes += present;
    else segmentBytes += present;
    if (type === TRNS) isTransparent = true;
    else if (type === ZTXT || (type === ITXT && isPacked(bytes, offset + 8)))
      packedTextBytes += Math.min(length, MOST_PACKED_BYTES);
    offset += CHUNK_BYTES + length;
    if (count > MOST_PARTS) {
      count = Number.POSITIVE_INFINITY;
      break;
    }
  }
  return { count, isTransparent, dataBytes, segmentBytes, packedTextBytes };
}

/** The flag of iTXt lies behind its keyword of at most 79 bytes. */
function isPacked(bytes: Uint8Array, data: number): boolean {
  const keywordEnd = bytes.subarray(data, data + 80).indexOf(0);
  return keywordEnd >= 0 && bytes[data + keywordEnd + 1] !== 0;
}

const RIFF = ascii('RIFF');
const WEBP = ascii('WEBP');
/** Chunks: lossy, lossless, extended, alpha, frame of an animation. */
const [VP8, VP8L, VP8X, ALPH, ANMF] = [0x56503820, 0x5650384c, 0x56503858, 0x414c5048, 0x414e4d46] as const;
/** Where the first chunk starts, and its data after type and length. */
const CHUNK = 12;
const DATA = 20;
const EXTENDED_BYTES = 10;
/** Position, size, duration and flags, in front of the chunks of a frame. */
const FRAME_BYTES = 16;
const ALPHA_FLAG = 0x10;
/** First bytes of a lossy key frame after its 3 byte tag, and of a lossless stream. */
const KEY_FRAME = [0x9d, 0x01, 0x2a] as const;
const LOSSLESS_SIGNATURE = 0x2f;
const LOSSLESS_HEADER_BYTES = 5;

/** From the first chunk (RFC 9649): lossy frame header, lossless header, or the canvas of an extended file. */
function readWebp(bytes: Uint8Array): ReturnType<Read> {
  const view = viewOf(bytes);
  if (view.byteLength < DATA + LOSSLESS_HEADER_BYTES) return undefined;
  const type = view.getUint32(CHUNK);
  const common = { ...PLAIN, pixelBytes: 4, dataBytes: view.getUint32(CHUNK + 4, true) };
  if (type === VP8L) {
    if (view.getUint8(DATA) !== LOSSLESS_SIGNATURE) return undefined;
    const size = losslessSize(view, DATA);
    return { ...common, ...size, isSlow: true, codeGroups: losslessGroups(bytes, DATA, size) };
  }
  if (view.byteLength < DATA + EXTENDED_BYTES) return undefined;
  if (type === VP8) {
    if (!hasBytes(bytes, DATA + 3, KEY_FRAME)) return undefined;
    const [width, height] = [view.getUint16(DATA + 6, true), view.getUint16(DATA + 8, true)];
    return { ...common, width: width & 0x3fff, height: height & 0x3fff };
  }
  if (type !== VP8X) return undefined;
  const canvas = sizeAt(view, DATA + 4);
  const { kind, codeGroups, parts, dataBytes } = lookAhead(bytes, view, canvas);
  const hasAlpha = (view.getUint8(DATA) & ALPHA_FLAG) !== 0 || kind !== 'lossy';
  return { ...common, ...canvas, hasAlpha, isSlow: kind === 'lossless', codeGroups, parts, dataBytes };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Two numbers of 24 bits, each less by 1. */
function sizeAt(view: DataView, offset: number): Size {
  const uint24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  return { width: uint24(offset) + 1, height: uint24(offset + 3) + 1 };
}

function losslessSize(view: DataView, data: number): Size {
  const bits = view.getUint32(data + 1, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

function losslessGroups(bytes: Uint8Array, data: number, size: Size): number {
  return groupsOf({ bytes, start: data + LOSSLESS_HEADER_BYTES, ...size });
}

type Kind = 'lossy' | 'lossless' | 'unknown';

/**
 * The picture of an extended file, or of the first frame of an animation, its alpha too; and how many chunks follow. Behind
 * the end that the file gives for itself, only a picture that was not there before is looked for: some writers leave the
 * length 0.
 */
function lookAhead(bytes: Uint8Array, view: DataView, canvas: Size) {
  const end = Math.min(view.byteLength, 8 + view.getUint32(4, true));
  let kind: Kind = 'unknown';
  let codeGroups = 0;
  let size = canvas;
  let parts = 1;
  let dataBytes = 0;
  const endNow = () => (kind === 'unknown' ? view.byteLength : end);
  for (let offset = DATA + EXTENDED_BYTES; offset + 8 + LOSSLESS_HEADER_BYTES <= endNow(); parts += 1) {
    if (parts > MOST_PARTS) return { kind, codeGroups, parts: Number.POSITIVE_INFINITY, dataBytes };
    const type = view.getUint32(offset);
    const length = view.getUint32(offset + 4, true);
    const data = offset + 8;
    offset = data + (type === ANMF ? FRAME_BYTES : length + (length % 2));
    if (kind !== 'unknown') continue;
    if (type === VP8 || type === VP8L || type === ALPH) dataBytes += Math.min(length, view.byteLength - data);
    if (type === VP8) {
      kind = 'lossy';
    } else if (type === VP8L) {
      kind = 'lossless';
      codeGroups += losslessGroups(bytes, data, losslessSize(view, data));
    } else if (type === ANMF && offset <= view.byteLength) {
      size = sizeAt(view, data + 6);
    } else if (type === ALPH && length > 0 && (view.getUint8(data) & 3) === 1) {
      // A picture has one alpha; which of several is read is not for us to know.
      const isFirst = codeGroups === 0;
      codeGroups = isFirst ? groupsOf({ bytes, start: data + 1, ...size }) : Number.POSITIVE_INFINITY;
    }
  }
  return { kind, codeGroups, parts, dataBytes };
}
