import { HeadgateError } from '@headgate/contracts/errors';
import { type DecodeCost, decodeCost, tooCostly } from '@headgate/contracts/image/decode-cost';
import {
  type ImageHeader,
  type ImageType,
  imageTypeOf,
  readImageHeader,
} from '@headgate/contracts/image/header';
import { extrasOf } from './extras.ts';

const IMAGE_TYPES: ReadonlySet<string> = new Set<ImageType>(['image/jpeg', 'image/png', 'image/webp']);

/** `image/jpg` is not registered, but widely sent. */
const ALIASES: ReadonlyMap<string, ImageType> = new Map([['image/jpg', 'image/jpeg']]);

/** Declarations that say nothing about the content, so that the bytes alone decide. */
const UNDECLARED = new Set(['', 'application/octet-stream']);

interface ImageLimits {
  /** Pixels, by the header. */
  readonly maxPixels: number;
  /** Pixels along the longer side: decoders work by rows, and a row of one pixel costs as much as one of hundreds. */
  readonly maxSide: number;
  /** Bytes that are neither pixels nor needed to read them. */
  readonly maxMetadataBytes: number;
  /** Pictures of an animation, of which the first one counts. */
  readonly maxFrames: number;
}

export interface ImageCheck extends ImageLimits {
  /** Media type that the sender declared, lower case without parameters; '' for none. */
  readonly declared: string;
}

/**
 * Checks what can be known without decoding: the magic bytes, the declared type against them, the size that the
 * header names, what a decode will cost, and the metadata and frames of the file.
 *
 * @returns what decoding it will cost
 * @throws HeadgateError empty_body, unsupported_media_type, undecodable_image, image_too_large
 */
export function checkImage(bytes: Uint8Array, { declared, ...limits }: ImageCheck): DecodeCost {
  if (bytes.byteLength === 0) throw new HeadgateError('empty_body', 'The image has no bytes.');
  const type = imageTypeOf(bytes);
  if (!type) throw new HeadgateError('unsupported_media_type', 'The bytes are no JPEG, PNG or WebP image.');
  if (!UNDECLARED.has(declared) && canonical(declared) !== type) {
    throw new HeadgateError(
      'unsupported_media_type',
      `The bytes are ${type}, which is not the declared media type.`,
    );
  }
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

/** True for a media type whose body may be one raw image. */
export function mayBeImage(mediaType: string): boolean {
  if (mediaType === '') return false;
  return UNDECLARED.has(mediaType) || IMAGE_TYPES.has(canonical(mediaType));
}

function canonical(mediaType: string): string {
  return ALIASES.get(mediaType) ?? mediaType;
}
