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

/** @throws HeadgateError invalid_request; without the library's message, which quotes the input */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    const detail = `body: expected JSON; where raw blocks follow it, ${HEADER.inferenceHeaderLength} says where it ends.`;
    throw new HeadgateError('invalid_request', detail, { cause });
  }
}
