import type { _inference_ModelInferRequest_InferInputTensor as InputTensor } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { DATATYPES, type Datatype } from '@headgate/contracts/manifest';
import { ELEMENT_BYTES, elementCount } from '@headgate/contracts/tensor';
import { type Fields, invalidField, memberOf, textOf } from './fields.ts';
import { blockOfJson } from './json-tensor.ts';
import { type Parameters, parametersOf, toMessage } from './parameters.ts';

export interface TensorOptions {
  /** Name of the field, for messages. */
  readonly field: string;
  /** Its block behind the JSON, if it has one. */
  readonly raw: Uint8Array | undefined;
  /** Whether BYTES in JSON are base64 when the tensor itself does not say. */
  readonly base64: boolean;
  /** Strings in the JSON of inputs before this one. */
  readonly stringsBefore: number;
}

export interface Input {
  readonly tensor: InputTensor;
  readonly block: Uint8Array;
  /** Strings that its JSON holds. */
  readonly strings: number;
}

/** As many dimensions as a manifest can declare. */
const MAX_DIMENSIONS = 8;

/** An input, whichever way its values came. @throws HeadgateError invalid_request, invalid_tensor */
export function inputOf(input: Fields, options: TensorOptions): Input {
  const { field, raw, base64, stringsBefore } = options;
  const name = textOf(memberOf(input, 'name'), `${field}.name`);
  const datatype = datatypeOf(memberOf(input, 'datatype'), `${field}.datatype`);
  const { shape, count } = shapeOf(memberOf(input, 'shape'), `${field}.shape`);
  const parameters = parametersOf(input, field);
  refuseSharedMemory(parameters);
  const data = memberOf(input, 'data');
  if (raw) {
    if (data !== undefined)
      throw tensorError(`${field}.data`, 'expected to be absent beside binary_data_size');
    checkSize(raw, count, { datatype, field: `${parameters.field}.binary_data_size` });
  }
  const encoded = isBase64(parameters) ?? base64;
  const json = { datatype, shape, count, data, base64: encoded, stringsBefore, field: `${field}.data` };
  return {
    tensor: { name, datatype, shape, parameters: toMessage(parameters) },
    block: raw ?? blockOfJson(json),
    strings: raw || datatype !== 'BYTES' ? 0 : count,
  };
}

/** Whether BYTES in JSON are base64, as MLServer's codec writes them; undefined when nothing is said. */
export function isBase64({ fields }: Parameters): boolean | undefined {
  const contentType = memberOf(fields, 'content_type');
  return contentType === undefined ? undefined : contentType === 'base64';
}

function refuseSharedMemory({ field, fields }: Parameters): void {
  if (memberOf(fields, 'shared_memory_region') === undefined) return;
  throw invalidField(`${field}.shared_memory_region`, 'not supported; tensors travel in the body');
}

function datatypeOf(value: unknown, field: string): Datatype {
  const found = DATATYPES.find((datatype) => datatype === value);
  if (found) return found;
  throw tensorError(field, `expected one of ${DATATYPES.join(', ')}`);
}

function shapeOf(value: unknown, field: string): { shape: number[]; count: number } {
  const sides: readonly unknown[] | undefined = Array.isArray(value) ? value : undefined;
  if (!sides || sides.length > MAX_DIMENSIONS) {
    throw tensorError(field, `expected a list of at most ${MAX_DIMENSIONS} dimensions`);
  }
  const shape = sides.map((side, i) => {
    if (typeof side === 'number') return side;
    throw tensorError(`${field}[${i}]`, 'expected a number');
  });
  const count = elementCount(shape);
  if (count === undefined) throw tensorError(field, 'expected dimensions from 1 to 2147483647');
  return { shape, count };
}

/** The size of BYTES is in the block itself: inference takes that apart. */
function checkSize(
  { byteLength }: Uint8Array,
  count: number,
  { datatype, field }: { readonly datatype: Datatype; readonly field: string },
): void {
  if (datatype === 'BYTES') return;
  const expected = count * ELEMENT_BYTES[datatype];
  if (byteLength === expected) return;
  throw tensorError(field, `expected ${expected} as shape and datatype say, not ${byteLength}`);
}

function tensorError(field: string, expectation: string) {
  return invalidField(field, expectation, 'invalid_tensor');
}
