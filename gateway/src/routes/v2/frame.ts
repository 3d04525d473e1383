import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { type Fields, invalidField, objectOf } from './fields.ts';

/** A body of the binary tensor extension, taken apart. */
export interface Frame {
  readonly json: Fields;
  /** What follows the JSON, as a view on the body. */
  readonly binary: Uint8Array;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const WHOLE_NUMBER = /^[0-9]{1,10}$/;
const NAME = 'Inference-Header-Content-Length';

/**
 * Takes a body apart: JSON alone, or as many bytes of JSON as the header says and raw blocks behind it.
 *
 * @param headerLength value of Inference-Header-Content-Length
 * @param maxJsonBytes most bytes of JSON
 * @throws HeadgateError invalid_request, body_too_large
 */
export function frameOf(body: Uint8Array, headerLength: string | undefined, maxJsonBytes: number): Frame {
  const jsonBytes = headerLength === undefined ? body.byteLength : jsonBytesOf(headerLength, body.byteLength);
  if (jsonBytes > maxJsonBytes) {
    throw new HeadgateError(
      'body_too_large',
      `JSON may have at most ${maxJsonBytes} bytes; send larger tensors in binary, with binary_data_size.`,
    );
  }
  return { json: parse(body.subarray(0, jsonBytes)), binary: body.subarray(jsonBytes) };
}

function jsonBytesOf(header: string, bodyBytes: number): number {
  const bytes = Number(header);
  if (!WHOLE_NUMBER.test(header)) throw invalidField(NAME, 'expected a whole number of bytes');
  if (bytes === 0)
    throw invalidField(NAME, 'expected JSON that describes the tensors before their raw blocks');
  if (bytes > bodyBytes) throw invalidField(NAME, `expected at most the ${bodyBytes} bytes of the body`);
  return bytes;
}

function parse(bytes: Uint8Array): Fields {
  return objectOf(parseJson(bytes), 'body');
}

/**
 * Most lists, objects and members together. To the parser each costs as much as a hundred bytes of text: without a
 * bound, 4 MiB of `[],[],` hold up every other request for half a second.
 */
const MAX_PARTS = 100_000;

/** @throws HeadgateError invalid_request; without the library's message, which quotes the input */
export function parseJson(bytes: Uint8Array): unknown {
  if (hasMoreParts(bytes, MAX_PARTS)) {
    const what = `expected at most ${MAX_PARTS} lists, objects and members`;
    throw invalidField('body', `${what}; send values as one flat list, or in binary`);
  }
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    const detail = `body: expected JSON; where raw blocks follow it, ${HEADER.inferenceHeaderLength} says where it ends.`;
    throw new HeadgateError('invalid_request', detail, { cause });
  }
}

const [QUOTE, BACKSLASH, COLON, BRACKET, BRACE] = [0x22, 0x5c, 0x3a, 0x5b, 0x7b] as const;

/** Counts outside of strings, without a parser. What is no JSON is counted all the same, and refused after that. */
function hasMoreParts(bytes: Uint8Array, max: number): boolean {
  let parts = 0;
  let inString = false;
  for (let i = 0; i < bytes.byteLength; i += 1) {
    const byte = bytes[i];
    if (byte === QUOTE) inString = !inString;
    else if (inString) i += byte === BACKSLASH ? 1 : 0;
    else if (byte === BRACKET || byte === BRACE || byte === COLON) {
      parts += 1;
      if (parts > max) return true;
    }
  }
  return false;
}
