import { HeadgateError } from '@headgate/contracts/errors';
import { imageTypeOf } from '@headgate/contracts/image/header';
import { parseDisposition } from './disposition.ts';
import { FramingError, fieldsOf, type Part, partsOf, textOf } from './parts.ts';

/** An image as it was sent: nothing about its content has been checked. */
export interface UploadedImage {
  readonly bytes: Uint8Array;
  readonly filename: string | null;
  /** Why its part cannot be read; absent when it can. */
  readonly refusal?: HeadgateError;
}

interface MultipartBounds {
  readonly boundary: string | undefined;
  readonly maxImages: number;
}

/** A field of this name is an image, whatever its part looks like. */
const IMAGE_FIELD = 'image';
/** What a form may send along; such fields are ignored. */
const MAX_OTHER_FIELDS = 16;
const MAX_PART_HEADER_BYTES = 4096;

/**
 * The images of a multipart body in the order of the parts, as views on the body (decision 0122). A part is an image
 * when it has a file name, when its field is called `image`, or when its bytes begin as one. A part that cannot be read
 * keeps its place, with its refusal.
 *
 * @throws HeadgateError malformed_multipart when the boundary does not divide the body, too_many_images, or
 *   invalid_request when no part is an image
 */
export function imagesOf(body: Uint8Array, { boundary, maxImages }: MultipartBounds): UploadedImage[] {
  if (boundary === undefined) {
    throw malformed(
      'The Content-Type names no boundary of 1 to 70 characters: let your HTTP library set this header.',
    );
  }
  const images: UploadedImage[] = [];
  let others = 0;
  let emptyFiles = 0;
  try {
    for (const part of partsOf(body, boundary)) {
      const image = imageIn(part);
      if (image === 'empty') emptyFiles += 1;
      if (typeof image === 'string') others += 1;
      else images.push(image);
      if (images.length > maxImages) {
        throw new HeadgateError('too_many_images', `A request may carry at most ${maxImages} images.`);
      }
      if (others > MAX_OTHER_FIELDS)
        throw malformed(`There are more than ${MAX_OTHER_FIELDS} fields besides the images.`);
    }
  } catch (cause) {
    throw cause instanceof FramingError ? malformed(cause.message) : cause;
  }
  if (images.length > 0) return images;
  const why =
    emptyFiles > 0
      ? 'No file was chosen: the form has a file field without a file.'
      : `No part is an image; send one or more in the field "${IMAGE_FIELD}".`;
  throw new HeadgateError('invalid_request', why);
}

/** The image of a part; `empty` for the file field of a browser in which no file was chosen; `other` for another field. */
function imageIn({ header, bytes }: Part): UploadedImage | 'empty' | 'other' {
  if (header === undefined)
    return refused(bytes, null, 'A part has no empty line between header and content.');
  if (header.byteLength > MAX_PART_HEADER_BYTES) {
    return refused(bytes, null, `The header of a part has more than ${MAX_PART_HEADER_BYTES} bytes.`);
  }
  const fields = fieldsOf(textOf(header));
  const { name, filename = null } = parseDisposition(fields.get('content-disposition') ?? '');
  if (filename === '' && bytes.byteLength === 0) return 'empty';
  if (imageTypeOf(bytes)) return { bytes, filename };
  if (fields.get('content-type')?.toLowerCase().startsWith('multipart/')) {
    return refused(bytes, filename, 'A part holds parts of its own; send each file as a part of the form.');
  }
  if (filename === null && name !== IMAGE_FIELD) return 'other';
  const encoding = fields.get('content-transfer-encoding')?.toLowerCase() ?? '';
  if (encoding === 'base64' || encoding === 'quoted-printable') {
    const remedy = 'send the bytes of the file as they are, without Content-Transfer-Encoding.';
    return refused(bytes, filename, `A part in ${encoding} is not decoded here; ${remedy}`);
  }
  return { bytes, filename };
}

function refused(bytes: Uint8Array, filename: string | null, detail: string): UploadedImage {
  return { bytes, filename, refusal: malformed(detail) };
}

function malformed(detail: string): HeadgateError {
  return new HeadgateError('malformed_multipart', detail);
}
