import type { ImageHeader } from './header.ts';

/** What decoding an image takes, by its header. */
export interface DecodeCost {
  /**
   * CPU-ms on the machine of decision 0070, for a model of 224 × 224 pixels. Only ratios hold elsewhere: an engine
   * measures how long a unit takes it.
   */
  readonly work: number;
  /** What the decoder holds at its peak, beyond some rows; in bytes. */
  readonly memoryBytes: number;
}

/** Of what needs no decoding: tensors. */
export const NO_DECODE: DecodeCost = { work: 0.1, memoryBytes: 0 };

/** Most work of one image: twice what 40 megapixels take a plain JPEG or PNG of 10 MiB at the most. */
export const MAX_DECODE_WORK = 450;

/** Why an image beyond the bound is refused, and what its sender can do; undefined: it is accepted. */
export function tooCostly({ work }: DecodeCost, { type, isInPasses }: ImageHeader): string | undefined {
  if (work <= MAX_DECODE_WORK) return undefined;
  const how = type === 'image/jpeg' ? 'as a baseline JPEG' : 'without interlacing';
  const advice = isInPasses ? `${how}, or smaller` : 'smaller, or as a baseline JPEG';
  return `The image takes too long to decode; save it ${advice}.`;
}

/**
 * Pure; the table of measurements is in decision 0070.
 *
 * @param scaledSide short side from which the model's decoder reads JPEG and WebP at a fraction of their size
 */
export function decodeCost(header: ImageHeader, scaledSide: number = SCALED_SIDE): DecodeCost {
  const pixels = header.width * header.height;
  const size = {
    megapixels: pixels / 1e6,
    megabytes: Math.min(header.dataBytes, MOST_PIXEL_BYTES * pixels) / 1e6,
    isScaled: Math.min(header.width, header.height) >= scaledSide,
  };
  const memoryBytes = memoryOf(header, size.isScaled) + GROUP_BYTES * header.codeGroups;
  return { work: WORK[header.type](header, size) + LINE_WORK * header.height, memoryBytes };
}

/** Of a line, however short. */
const LINE_WORK = 0.0002;

/** No pixel takes more in a file. What is beyond that, films behind photos too, is skipped, and costs next to nothing. */
const MOST_PIXEL_BYTES = 8;

/** Of a model of 224 pixels (inference/src/engine/child/image/vips.ts). */
const SCALED_SIDE = 1280;

interface Size {
  readonly megapixels: number;
  readonly megabytes: number;
  readonly isScaled: boolean;
}

const WORK: Record<ImageHeader['type'], (header: ImageHeader, size: Size) => number> = {
  'image/jpeg': jpegWork,
  'image/png': pngWork,
  'image/webp': webpWork,
};

/** Of a byte of tables, suggested palettes and the like. */
const SEGMENT_WORK = 12e-6;

/** CMYK is converted by a colour profile, which takes 55 ms to set up. */
const CMYK_COMPONENTS = 4;

function jpegWork(
  { isInPasses, isSlow, parts, pixelBytes, segmentBytes }: ImageHeader,
  { megapixels, megabytes, isScaled }: Size,
): number {
  const components = isInPasses ? pixelBytes / 2 : pixelBytes;
  const colours = components >= CMYK_COMPONENTS ? 55 + megapixels : 0;
  const pixels = megapixels * ((isScaled ? 0.3 : 4) + (isInPasses ? 0.55 * parts : 0));
  const bytes = megabytes * (isSlow ? 100 : isInPasses ? 23 : 8.5);
  return 1 + colours + pixels + bytes + SEGMENT_WORK * segmentBytes;
}

function pngWork(
  { isInPasses, parts, pixelBytes, dataBytes, segmentBytes, packedTextBytes }: ImageHeader,
  { megapixels, megabytes }: Size,
): number {
  // More than the lines without compression: readers inflate the rest too, a thousandfold.
  const excess = Math.max(0, dataBytes / 1e6 - 1.1 * megapixels * pixelBytes - 0.1);
  // Large files may have a million blocks of next to no pixels, 65 for each MB; photos and screenshots take 2.5.
  const bytes = 2.5 * megabytes + 10 * Math.max(0, megabytes - 0.5);
  const pixels = megapixels * (1.2 + 0.6 * pixelBytes + (isInPasses ? 9 + 0.6 * pixelBytes : 0));
  const others = 0.0005 * parts + SEGMENT_WORK * segmentBytes + 900 * (packedTextBytes / 1e6);
  return 1 + pixels + bytes + 90 * excess + others;
}

/** Tables of one group of prefix codes at their largest. */
const GROUP_WORK = 0.035;
const GROUP_BYTES = 14_000;

/** Readers look for each frame of an animation from the first one on; a frame is two chunks. */
const CHUNK_PAIR_WORK = 5e-7;

function webpWork(
  { hasAlpha, isSlow, codeGroups, parts }: ImageHeader,
  { megapixels, megabytes }: Size,
): number {
  const tables = GROUP_WORK * codeGroups + CHUNK_PAIR_WORK * parts ** 2;
  if (isSlow) return 5 + 6 * megapixels + 17 * megabytes + tables;
  return 5 + (hasAlpha ? 4 : 1.2) * megapixels + 75 * megabytes + tables;
}

function memoryOf(
  { type, width, height, pixelBytes, isInPasses, isSlow, hasAlpha }: ImageHeader,
  isScaled: boolean,
): number {
  const pixels = width * height;
  if (isInPasses || (type === 'image/webp' && isSlow)) return pixels * pixelBytes;
  if (type === 'image/png') return 0;
  if (!isScaled) return pixels * pixelBytes;
  return hasAlpha ? pixels : 0;
}
