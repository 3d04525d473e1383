import type { InferParameter } from '@headgate/contracts/gen/grpc/inference/InferParameter';
import type {
  _inference_ModelInferRequest_InferInputTensor as InputTensor,
  ModelInferRequest,
} from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { DATATYPES, type Datatype } from '@headgate/contracts/manifest';
import { ELEMENT_BYTES, elementCount } from '@headgate/contracts/tensor';
import { type Fields, invalidField, memberOf, objectOf, objectsOf, textOf } from './fields.ts';
import type { Frame } from './frame.ts';
import { blockOfJson } from './json-tensor.ts';

/** What a caller of /infer asks for. */
export interface InferRequest {
  /** As the caller chose it; echoed. */
  readonly id: string | undefined;
  /** The request in the words of gRPC, except for model and version. Its raw blocks are views on the body. */
  readonly message: Pick<ModelInferRequest, 'parameters' | 'inputs' | 'outputs' | 'raw_input_contents'>;
  /** Whether an output is answered as a raw block rather than in JSON. */
  readonly wantsBinary: (output: string) => boolean;
  /** Triton's `timeout` parameter in ms; Infinity when there is none. */
  readonly timeoutMs: number;
}

/** More tensors than any model has; a bound for what a request can make us do. */
const MAX_TENSORS = 64;
const MAX_PARAMETERS = 64;
/** As many dimensions as a manifest can declare. */
const MAX_DIMENSIONS = 8;
/** Parameters that say how tensors travel over HTTP. They end here: behind the gateway all blocks are raw. */
const OF_THE_FRAME = ['binary_data', 'binary_data_size', 'binary_data_output', 'content_type'];

/**
 * Reads an inference request: JSON values and raw blocks both become raw blocks. Checks what it takes to find the
 * tensors in the body; whether they fit the model is for inference to say.
 *
 * @throws HeadgateError invalid_request, invalid_tensor, naming the field and what it should be
 */
export function readInferRequest({ json, binary }: Frame): InferRequest {
  const id = memberOf(json, 'id');
  const parameters = fieldsOf(json, 'parameters');
  const base64 = memberOf(parameters, 'content_type') === 'base64';
  const inputs = objectsOf(memberOf(json, 'inputs'), 'inputs', MAX_TENSORS);
  if (inputs.length === 0) throw invalidField('inputs', 'expected at least one tensor');
  const blocks = cut(binary, inputs);
  const tensors = inputs.map((input, i) =>
    tensorOf(input, { field: `inputs[${i}]`, raw: blocks[i], base64 }),
  );
  return {
    id: id === undefined ? undefined : textOf(id, 'id'),
    message: {
      parameters: toParameters(parameters, 'parameters'),
      inputs: tensors.map(({ input }) => input),
      raw_input_contents: tensors.map(({ block }) => block),
      outputs: outputsOf(json),
    },
    wantsBinary: binaryRule(json, flagOf(parameters, 'binary_data_output', 'parameters') ?? false),
    timeoutMs: timeoutOf(parameters),
  };
}

function outputsOf(json: Fields) {
  return objectsOf(memberOf(json, 'outputs'), 'outputs', MAX_TENSORS).map((output, i) => ({
    name: textOf(memberOf(output, 'name'), `outputs[${i}].name`),
    parameters: toParameters(fieldsOf(output, 'parameters', `outputs[${i}]`), `outputs[${i}].parameters`),
  }));
}

function binaryRule(json: Fields, byDefault: boolean): InferRequest['wantsBinary'] {
  const chosen = new Map<string, boolean>();
  objectsOf(memberOf(json, 'outputs'), 'outputs', MAX_TENSORS).forEach((output, i) => {
    const field = `outputs[${i}]`;
    const binary = flagOf(fieldsOf(output, 'parameters', field), 'binary_data', `${field}.parameters`);
    if (binary !== undefined) chosen.set(textOf(memberOf(output, 'name'), `${field}.name`), binary);
  });
  return (output) => chosen.get(output) ?? byDefault;
}

/**
 * The raw blocks behind the JSON, as views, at the place of their inputs: in the order of the inputs, without gaps,
 * to the end of the body.
 */
function cut(binary: Uint8Array, inputs: readonly Fields[]): (Uint8Array | undefined)[] {
  let offset = 0;
  const blocks = inputs.map((input, i) => {
    const field = `inputs[${i}].parameters.binary_data_size`;
    const size = memberOf(fieldsOf(input, 'parameters', `inputs[${i}]`), 'binary_data_size');
    if (size === undefined) return undefined;
    if (!Number.isSafeInteger(size) || (size as number) < 0)
      throw invalidField(field, 'expected a whole number of bytes');
    const end = offset + (size as number);
    if (end > binary.byteLength) {
      const left = binary.byteLength - offset;
      throw invalidField(field, `expected at most the ${left} bytes that are left behind the JSON`);
    }
    const block = binary.subarray(offset, end);
    offset = end;
    return block;
  });
  if (offset === binary.byteLength) return blocks;
  throw invalidField(
    'body',
    `expected ${offset} bytes behind the JSON as binary_data_size says, not ${binary.byteLength}`,
  );
}

interface TensorOptions {
  readonly field: string;
  /** Its block behind the JSON, if it has one. */
  readonly raw: Uint8Array | undefined;
  /** Whether BYTES in JSON are base64 when the tensor itself does not say. */
  readonly base64: boolean;
}

function tensorOf(
  input: Fields,
  { field, raw, base64 }: TensorOptions,
): { input: InputTensor; block: Uint8Array } {
  const name = textOf(memberOf(input, 'name'), `${field}.name`);
  const datatype = datatypeOf(memberOf(input, 'datatype'), `${field}.datatype`);
  const shape = shapeOf(memberOf(input, 'shape'), `${field}.shape`);
  const count = elementCount(shape);
  if (count === undefined)
    throw invalidField(`${field}.shape`, 'expected dimensions from 1 to 2147483647', 'invalid_tensor');
  const parameters = fieldsOf(input, 'parameters', field);
  if (memberOf(parameters, 'shared_memory_region') !== undefined) {
    throw invalidField(
      `${field}.parameters.shared_memory_region`,
      'not supported; tensors travel in the body',
    );
  }
  const data = memberOf(input, 'data');
  if (raw && data !== undefined)
    throw invalidField(`${field}.data`, 'expected to be absent where binary_data_size is given');
  if (raw) checkSize(raw, datatype, { count, field });
  const contentType = memberOf(parameters, 'content_type');
  const encoded = contentType === undefined ? base64 : contentType === 'base64';
  const block = raw ?? blockOfJson({ datatype, shape, count, data, base64: encoded, field: `${field}.data` });
  return {
    input: { name, datatype, shape, parameters: toParameters(parameters, `${field}.parameters`) },
    block,
  };
}

function datatypeOf(value: unknown, field: string): Datatype {
  const found = DATATYPES.find((datatype) => datatype === value);
  if (found) return found;
  throw invalidField(field, `expected one of ${DATATYPES.join(', ')}`, 'invalid_tensor');
}

function shapeOf(value: unknown, field: string): number[] {
  const sides: readonly unknown[] | undefined = Array.isArray(value) ? value : undefined;
  if (!sides || sides.length > MAX_DIMENSIONS) {
    throw invalidField(field, `expected a list of at most ${MAX_DIMENSIONS} dimensions`, 'invalid_tensor');
  }
  return sides.map((side, i) => {
    if (typeof side === 'number') return side;
    throw invalidField(`${field}[${i}]`, 'expected a number', 'invalid_tensor');
  });
}

function checkSize(
  block: Uint8Array,
  datatype: Datatype,
  at: { readonly count: number; readonly field: string },
): void {
  if (datatype === 'BYTES') return;
  const expected = at.count * ELEMENT_BYTES[datatype];
  if (block.byteLength === expected) return;
  const detail = `expected ${expected} as shape and datatype say, not ${block.byteLength}`;
  throw invalidField(`${at.field}.parameters.binary_data_size`, detail, 'invalid_tensor');
}

function fieldsOf(parent: Fields, name: string, field?: string): Fields {
  const value = memberOf(parent, name);
  return value === undefined ? {} : objectOf(value, field === undefined ? name : `${field}.${name}`);
}

function flagOf(parameters: Fields, name: string, field: string): boolean | undefined {
  const value = memberOf(parameters, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidField(`${field}.${name}`, 'expected true or false');
}

/** Triton's timeout is in µs; 0 grants as much as no timeout. */
function timeoutOf(parameters: Fields): number {
  const value = memberOf(parameters, 'timeout') ?? 0;
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw invalidField('parameters.timeout', 'expected a whole number of microseconds');
  }
  return value === 0 ? Number.POSITIVE_INFINITY : (value as number) / 1000;
}

function toParameters(parameters: Fields, field: string): Record<string, InferParameter> {
  const entries = Object.entries(parameters).filter(
    ([name, value]) => value !== null && !OF_THE_FRAME.includes(name),
  );
  if (entries.length > MAX_PARAMETERS)
    throw invalidField(field, `expected at most ${MAX_PARAMETERS} entries`);
  return Object.fromEntries(entries.map(([name, value]) => [name, toParameter(name, value, field)]));
}

function toParameter(name: string, value: unknown, field: string): InferParameter {
  if (name === '__proto__') throw invalidField(field, 'expected other names than __proto__');
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'string') return { string_param: value };
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw invalidField(`${field}.${name.slice(0, 64)}`, 'expected a string, a number, true or false');
  }
  return Number.isSafeInteger(value) ? { int64_param: value } : { double_param: value };
}
