import { HeadgateError } from '@headgate/contracts/errors';
import type { InferParameter__Output } from '@headgate/contracts/gen/grpc/inference/InferParameter';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { DATATYPES, type Datatype } from '@headgate/contracts/manifest';
import { decodeBytesTensor, ELEMENT_BYTES, elementCount } from '@headgate/contracts/tensor';
import { NUMBERS, type NumberType } from '@headgate/contracts/tensor-numbers';
import { type BinaryRule, isBinary } from './infer-request.ts';

export interface AnswerInput {
  readonly response: ModelInferResponse__Output;
  /** Id to answer. */
  readonly id: string;
  /** Parameters in addition to those of inference. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Which outputs travel as raw blocks behind the JSON. */
  readonly binary: BinaryRule;
}

const encoder = new TextEncoder();

/** Most values that an answer says in JSON: a million of them hold up every other request for half a second. */
const MAX_JSON_VALUES = 250_000;

/**
 * Encodes the answer of inference in JSON, with raw blocks behind it for the outputs that were asked for so.
 *
 * @returns the body, and where its JSON ends when raw blocks follow
 * @throws HeadgateError invalid_request when an output cannot be JSON; internal when the answer cannot be read
 */
export function encodeAnswer({ response, id, binary, ...options }: AnswerInput) {
  checkCount(response, binary);
  const outputs = response.outputs.map((tensor, i) =>
    outputOf(tensor, response.raw_output_contents[i], binary),
  );
  const { model_name, model_version } = response;
  const parameters = { ...valuesOf(response.parameters), ...options.parameters };
  const head = JSON.stringify({ model_name, model_version, id, parameters });
  const json = encoder.encode(`${head.slice(0, -1)},"outputs":[${outputs.map(({ text }) => text).join()}]}`);
  const blocks = outputs.flatMap(({ block }) => (block ? [block] : []));
  return {
    body: blocks.length === 0 ? json : joined([json, ...blocks]),
    jsonBytes: json.byteLength,
    hasBlocks: blocks.length > 0,
  };
}

function checkCount({ outputs }: ModelInferResponse__Output, binary: BinaryRule): void {
  const inJson = outputs.filter(({ name }) => !isBinary(binary, name));
  const values = inJson.reduce((sum, { shape }) => sum + (elementCount(shape) ?? 0), 0);
  if (values <= MAX_JSON_VALUES) return;
  const detail = `The outputs have ${values} values, and JSON may have ${MAX_JSON_VALUES}. Ask with binary_data_output: true.`;
  throw new HeadgateError('invalid_request', detail);
}

/** The JSON of an output, and its block where that follows the JSON. */
function outputOf(
  { name, datatype, shape }: ModelInferResponse__Output['outputs'][number],
  block: Uint8Array | undefined,
  binary: BinaryRule,
): { readonly text: string; readonly block?: Uint8Array } {
  const head = { name, datatype, shape };
  const count = elementCount(shape);
  try {
    if (!block || count === undefined || !isDatatype(datatype))
      throw new RangeError(`${name} is no raw tensor`);
    if (isBinary(binary, name)) {
      return { text: JSON.stringify({ ...head, parameters: { binary_data_size: block.byteLength } }), block };
    }
    const data = jsonOfBlock(name, datatype, count, block);
    return { text: `${JSON.stringify(head).slice(0, -1)},"data":${data}}` };
  } catch (cause) {
    if (cause instanceof HeadgateError) throw cause;
    const detail =
      'The model gave an answer that cannot be read. Please send the request id to the operator.';
    throw new HeadgateError('internal', detail, { cause });
  }
}

function isDatatype(text: string): text is Datatype {
  return DATATYPES.some((datatype) => datatype === text);
}

function valuesOf(parameters: Readonly<Record<string, InferParameter__Output>>) {
  const entries = Object.entries(parameters).map(([name, parameter]) => {
    const choice = parameter.parameter_choice;
    return [name, choice === undefined ? undefined : parameter[choice]];
  });
  return Object.fromEntries(entries) as Record<string, boolean | number | string | undefined>;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The values of a raw block as the text of a flat JSON list, each exact: numbers of 64 bits keep all their digits.
 *
 * @throws HeadgateError invalid_request when JSON cannot hold them, and the caller should ask for binary
 * @throws RangeError when the block does not hold what its shape promises
 */
function jsonOfBlock(name: string, datatype: Datatype, count: number, block: Uint8Array): string {
  if (datatype === 'BYTES') return stringsOf(name, decodeBytesTensor(block, count));
  if (block.byteLength !== count * ELEMENT_BYTES[datatype])
    throw new RangeError(`${name} is not ${count} elements`);
  if (datatype === 'FP16') throw binaryOnly(name, 'FP16 has no form in JSON');
  if (datatype === 'BOOL') return `[${Array.from(block, (byte) => byte !== 0).join()}]`;
  return numbersOf(name, datatype, block);
}

function numbersOf(name: string, datatype: NumberType, block: Uint8Array): string {
  const { text } = NUMBERS[datatype];
  const size = ELEMENT_BYTES[datatype];
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const texts = Array.from({ length: block.byteLength / size }, (_, i) => text(view, i * size));
  if (!datatype.startsWith('FP') || texts.every(isJson)) return `[${texts.join()}]`;
  throw binaryOnly(name, 'it holds NaN or an infinity, which JSON cannot say');
}

/** Whether the text of a number is JSON: `NaN`, `Infinity` and `-Infinity` are not. */
function isJson(text: string): boolean {
  return !text.endsWith('N') && !text.endsWith('y');
}

function stringsOf(name: string, elements: readonly Uint8Array[]): string {
  try {
    return JSON.stringify(elements.map((element) => utf8.decode(element)));
  } catch {
    throw binaryOnly(name, 'it holds bytes that are no UTF-8');
  }
}

function binaryOnly(output: string, why: string): HeadgateError {
  return new HeadgateError(
    'invalid_request',
    `The output ${output} can be answered in binary only: ${why}. Ask with binary_data: true.`,
  );
}
