import { HeadgateError } from '@headgate/contracts/errors';
import { type DecodeCost, decodeCost, tooCostly } from '@headgate/contracts/image/decode-cost';
import {
  type ImageHeader,
  type ImageType,
  imageTypeOf,
  readImageHeader,
} from '@headgate/contracts/image/header';
import { extrasOf } from './extras.ts';
import { describeOther } from './not-an-image.ts';

export interface ImageLimits {
  /** Pixels, by the header. */
  readonly maxPixels: number;
  /** Pixels along the longer side: decoders work by rows, and a row of one pixel costs as much as one of hundreds. */
  readonly maxSide: number;
  /** Bytes that are neither pixels nor needed to read them. */
  readonly maxMetadataBytes: number;
  /** Pictures of an animation, of which the first one counts. */
  readonly maxFrames: number;
}

/**
 * Checks what can be known without decoding: the magic bytes, the size that the header names, what a decode will cost,
 * and the metadata and frames of the file. What the sender declares does not count (decision 0123).
 *
 * @returns what decoding it will cost
 * @throws HeadgateError empty_body, unsupported_media_type, undecodable_image, image_too_large
 */
export function checkImage(bytes: Uint8Array, limits: ImageLimits): DecodeCost {
  if (bytes.byteLength === 0) throw new HeadgateError('empty_body', 'The image has no bytes.');
  const type = imageTypeOf(bytes);
  if (!type) throw new HeadgateError('unsupported_media_type', describeOther(bytes));
  const header = readImageHeader(bytes);
  if (!header) throw new HeadgateError('undecodable_image', 'The header of the image is damaged or cut off.');
  refuseTooLarge(header, limits);
  const cost = decodeCost(header);
  const why = tooCostly(cost, header);
  if (why) throw new HeadgateError('undecodable_image', why);
  refuseExtras(bytes, type, limits);
  return cost;
}

function refuseTooLarge({ width, height }: ImageHeader, { maxPixels, maxSide }: ImageLimits): void {
  if (width * height > maxPixels) throw tooLarge(`${maxPixels} pixels`);
  if (Math.max(width, height) > maxSide) throw tooLarge(`${maxSide} pixels along a side`);
}

function refuseExtras(
  bytes: Uint8Array,
  type: ImageType,
  { maxMetadataBytes, maxFrames }: ImageLimits,
): void {
  const { metadataBytes, frames } = extrasOf(bytes, type);
  if (metadataBytes > maxMetadataBytes) throw tooLarge(`${maxMetadataBytes} bytes of metadata`);
  if (frames > maxFrames) throw tooLarge(maxFrames === 1 ? '1 frame: send a still' : `${maxFrames} frames`);
}

function tooLarge(most: string): HeadgateError {
  return new HeadgateError('image_too_large', `An image may have at most ${most}.`);
}
