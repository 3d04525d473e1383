import { HeadgateError } from '@headgate/contracts/errors';
import { type MultipartPart, parseMultipart } from '@remix-run/multipart-parser';
import { parseMediaType } from './media-type.ts';

/** An image as it was sent: nothing about its content has been checked. */
export interface UploadedImage {
  readonly bytes: Uint8Array;
  /** Media type that the sender declares, lower case; '' for none. */
  readonly declared: string;
  readonly filename: string | null;
}

interface MultipartBounds {
  readonly boundary: string | undefined;
  readonly maxImages: number;
}

/** A part with a file name is an image under any field name; a field of this name is one without a file name too. */
const IMAGE_FIELD = 'image';
/** What a form may send along; such fields are ignored. */
const MAX_OTHER_FIELDS = 16;
const MAX_PART_HEADER_BYTES = 4096;
/** Longer names say nothing that a form of ours could mean. */
const MAX_NAME_LENGTH = 128;

/**
 * The images of a multipart/form-data body in the order of the parts, as views on the body.
 *
 * @throws HeadgateError malformed_multipart, too_many_images, or invalid_request when no part is an image
 */
export function imagesOf(body: Uint8Array, { boundary, maxImages }: MultipartBounds): UploadedImage[] {
  if (boundary === undefined) throw malformed('The Content-Type names no boundary of 1 to 70 characters.');
  const images: UploadedImage[] = [];
  let others = 0;
  for (const part of partsOf(body, boundary)) {
    const image = imageOf(part);
    if (image) images.push(image);
    else others += 1;
    if (images.length > maxImages) {
      throw new HeadgateError('too_many_images', `A request may carry at most ${maxImages} images.`);
    }
    if (others > MAX_OTHER_FIELDS)
      throw malformed(`There are more than ${MAX_OTHER_FIELDS} fields besides the images.`);
  }
  if (images.length > 0) return images;
  throw new HeadgateError(
    'invalid_request',
    `No part is an image; send one or more in the field "${IMAGE_FIELD}".`,
  );
}

function* partsOf(body: Uint8Array, boundary: string): Generator<MultipartPart> {
  const bounds = {
    maxHeaderSize: MAX_PART_HEADER_BYTES,
    maxFileSize: body.length,
    maxTotalSize: body.length,
  };
  try {
    yield* parseMultipart(body, { boundary, ...bounds });
  } catch (cause) {
    throw malformed('The body does not follow its boundary, or a part has no valid header.', cause);
  }
}

function imageOf(part: MultipartPart): UploadedImage | undefined {
  const { name, filename } = parseDisposition(headersOf(part)['content-disposition']);
  if (name === undefined) throw malformed('A part has no name.');
  if (name.length > MAX_NAME_LENGTH) {
    throw malformed(`The name of a field may have at most ${MAX_NAME_LENGTH} characters.`);
  }
  if (filename === undefined && name !== IMAGE_FIELD) return undefined;
  // One chunk in, one chunk out: `part.bytes` would copy it.
  const [only, ...more] = part.content;
  const bytes = more.length > 0 ? part.bytes : (only ?? new Uint8Array(0));
  return {
    bytes,
    declared: parseMediaType(part.headers['content-type']).essence,
    filename: filename ?? null,
  };
}

function headersOf(part: MultipartPart): MultipartPart['headers'] {
  try {
    return part.headers;
  } catch (cause) {
    throw malformed('The header of a part is no UTF-8 text.', cause);
  }
}

function malformed(detail: string, cause?: unknown): HeadgateError {
  return new HeadgateError('malformed_multipart', detail, { cause });
}

interface Disposition {
  /** Name of the form field; undefined when the part has none. */
  readonly name: string | undefined;
  /** What the sender calls the file, fit to be answered; undefined when the part is no file. */
  readonly filename: string | undefined;
}

const MAX_FILENAME_LENGTH = 255;
const PARAMETER = /;\s*(name|filename)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/gi;
/** What senders escape: quotes and backslashes. A lone backslash is part of a Windows path. */
const ESCAPED = /\\(["\\])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** Reads the Content-Disposition of a form part (RFC 7578, 4.2, which rules `filename*` out). The first value of a name counts. */
export function parseDisposition(header: string | undefined): Disposition {
  const found: { name?: string; filename?: string } = {};
  for (const [, key = '', quoted, token = ''] of (header ?? '').matchAll(PARAMETER)) {
    const name = key.toLowerCase() as 'name' | 'filename';
    found[name] ??= quoted === undefined ? token : quoted.replace(ESCAPED, '$1');
  }
  return { name: found.name, filename: found.filename === undefined ? undefined : plainName(found.filename) };
}

/** The last segment of a path, without control characters, at most 255 characters long. */
function plainName(filename: string): string {
  const last = Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\'));
  return filename
    .slice(last + 1)
    .replace(CONTROL_CHARACTERS, '')
    .slice(0, MAX_FILENAME_LENGTH)
    .toWellFormed();
}
