import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { AppContext, Layer } from '../../context.ts';
import { parseMediaType } from '../../validate/media-type.ts';
import { type Fields, invalidField, objectOf } from './fields.ts';
import type { InferRequest } from './infer-request.ts';
import type { JsonCall, JsonWork } from './json-work.ts';

/** Larger tensors travel in binary, which costs a hundredth of the time. */
const MAX_JSON_BYTES = 4 * 2 ** 20;

export interface ReadTensorsOptions {
  /** Most bytes of a body, and of the tensors in it. */
  readonly body_bytes: number;
  readonly jsonWork: JsonWork;
}

/** Reads the tensors of the request, from JSON and from raw blocks. */
export function readTensors({ body_bytes, jsonWork }: ReadTensorsOptions): Layer {
  const maxJsonBytes = Math.min(MAX_JSON_BYTES, body_bytes / 2);
  return async function readTensors(c, next) {
    refuseForms(c.req.header('content-type'));
    const bytes = await c.get('readBody')();
    const headerLength = c.req.header(HEADER.inferenceHeaderLength);
    const jsonBytes = Math.min(Number(headerLength) || Number.POSITIVE_INFINITY, bytes.byteLength);
    const body = { bytes, headerLength, maxJsonBytes };
    const tensors = await jsonWork('read', body, jsonCall(c, jsonBytes));
    checkSize(tensors, body_bytes);
    c.set('tensors', tensors);
    await next();
  };
}

/** `1,` in JSON can be eight bytes of a raw block: what a body may not be, its tensors may not become. */
function checkSize({ message }: InferRequest, maxBytes: number): void {
  const blocks = message.raw_input_contents ?? [];
  const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
  if (bytes <= maxBytes) return;
  throw new HeadgateError('body_too_large', `The tensors of a request may have at most ${maxBytes} bytes.`);
}

/** Clients of the protocol send JSON under many names, and under none; what is certainly something else is told so. */
function refuseForms(contentType: string | undefined): void {
  const { essence } = parseMediaType(contentType);
  if (!essence.startsWith('multipart/') && !essence.startsWith('image/')) return;
  throw new HeadgateError(
    'unsupported_media_type',
    'Send tensors as JSON, with raw blocks behind it or not; photos go to /predict.',
  );
}

/** The request for which a step with so much JSON is done. */
export function jsonCall(c: AppContext, bytes: number): JsonCall {
  return { bytes, caller: c.get('identity')?.keyId ?? '', deadline: c.get('deadline') };
}

export interface Body {
  readonly bytes: Uint8Array;
  /** Value of Inference-Header-Content-Length. */
  readonly headerLength: string | undefined;
  /** Most bytes of JSON. */
  readonly maxJsonBytes: number;
}

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
 * @throws HeadgateError invalid_request, body_too_large
 */
export function frameOf({ bytes: body, headerLength, maxJsonBytes }: Body): Frame {
  const jsonBytes = headerLength === undefined ? body.byteLength : jsonBytesOf(headerLength, body.byteLength);
  if (jsonBytes > maxJsonBytes) {
    throw new HeadgateError(
      'body_too_large',
      `JSON may have at most ${maxJsonBytes} bytes; send larger tensors in binary, with binary_data_size.`,
    );
  }
  return { json: objectOf(parseJson(body.subarray(0, jsonBytes)), 'body'), binary: body.subarray(jsonBytes) };
}

function jsonBytesOf(header: string, bodyBytes: number): number {
  const bytes = Number(header);
  if (!WHOLE_NUMBER.test(header)) throw invalidField(NAME, 'expected a whole number of bytes');
  if (bytes === 0)
    throw invalidField(NAME, 'expected JSON that describes the tensors before their raw blocks');
  if (bytes > bodyBytes) throw invalidField(NAME, `expected at most the ${bodyBytes} bytes of the body`);
  return bytes;
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
