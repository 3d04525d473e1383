import type {
  _inference_ModelInferRequest_InferInputTensor as InputTensor,
  ModelInferRequest,
  _inference_ModelInferRequest_InferRequestedOutputTensor as RequestedOutput,
} from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { DATATYPES, type Datatype } from '@headgate/contracts/manifest';
import { ELEMENT_BYTES, elementCount } from '@headgate/contracts/tensor';
import {
  countOf,
  type Fields,
  flagOf,
  invalidField,
  memberOf,
  objectsOf,
  type Parameters,
  parametersOf,
  tensorError,
  textOf,
  toMessage,
} from './fields.ts';
import { blockOfJson } from './json-tensor.ts';
import type { Frame } from './read-tensors.ts';

/** What a caller of /infer asks for. */
export interface InferRequest {
  /** As the caller chose it; echoed. */
  readonly id: string | undefined;
  /** The request in the words of gRPC, except for model and version. Its raw blocks are views on the body. */
  readonly message: Pick<ModelInferRequest, 'parameters' | 'inputs' | 'outputs' | 'raw_input_contents'>;
  /** Which outputs are answered as raw blocks rather than in JSON. */
  readonly binary: BinaryRule;
  /** Triton's `timeout` parameter in ms; Infinity when there is none. */
  readonly timeoutMs: number;
}

/** What the caller says of single outputs, and of all others. */
export interface BinaryRule {
  readonly chosen: ReadonlyMap<string, boolean | undefined>;
  readonly byDefault: boolean;
}

export function isBinary({ chosen, byDefault }: BinaryRule, output: string): boolean {
  return chosen.get(output) ?? byDefault;
}

/** More tensors than any model has; a bound for what a request can make us do. */
const MAX_TENSORS = 64;

/**
 * Reads an inference request: JSON values and raw blocks both become raw blocks. Checks what it takes to find the
 * tensors in the body; whether they fit the model is for inference to say.
 *
 * @throws HeadgateError invalid_request, invalid_tensor, naming the field and what it should be
 */
export function readInferRequest({ json, binary }: Frame): InferRequest {
  const id = memberOf(json, 'id');
  const parameters = parametersOf(json, '');
  const entries = objectsOf(memberOf(json, 'inputs'), 'inputs', MAX_TENSORS);
  if (entries.length === 0) throw invalidField('inputs', 'expected at least one tensor');
  const blocks = rawBlocksOf(binary, entries);
  const base64 = isBase64(parameters) ?? false;
  let stringsBefore = 0;
  const inputs = entries.map((entry, i) => {
    const input = inputOf(entry, { field: `inputs[${i}]`, raw: blocks[i], base64, stringsBefore });
    stringsBefore += input.strings;
    return input;
  });
  const outputs = objectsOf(memberOf(json, 'outputs'), 'outputs', MAX_TENSORS).map(outputOf);
  return {
    id: id === undefined ? undefined : textOf(id, 'id'),
    message: {
      parameters: toMessage(parameters),
      inputs: inputs.map(({ tensor }) => tensor),
      raw_input_contents: inputs.map(({ block }) => block),
      outputs: outputs.map(({ tensor }) => tensor),
    },
    binary: {
      chosen: new Map(outputs.map(({ name, binary }) => [name, binary])),
      byDefault: flagOf(parameters, 'binary_data_output') ?? false,
    },
    timeoutMs: timeoutOf(parameters),
  };
}

interface Output {
  readonly name: string;
  readonly tensor: RequestedOutput;
  /** As the caller wants it; undefined = as the request says for all. */
  readonly binary: boolean | undefined;
}

function outputOf(entry: Fields, index: number): Output {
  const field = `outputs[${index}]`;
  const name = textOf(memberOf(entry, 'name'), `${field}.name`);
  const parameters = parametersOf(entry, field);
  const binary = flagOf(parameters, 'binary_data');
  return { name, tensor: { name, parameters: toMessage(parameters) }, binary };
}

/** Triton counts in µs, and 0 grants as much as no timeout. */
function timeoutOf(parameters: Parameters): number {
  const microseconds = countOf(parameters, 'timeout', 'microseconds') ?? 0;
  return microseconds === 0 ? Number.POSITIVE_INFINITY : microseconds / 1000;
}

/**
 * The raw blocks behind the JSON, as views, each at the place of its input and undefined where an input has none.
 * They follow in the order of the inputs, without gaps, to the end of the body.
 *
 * @throws HeadgateError invalid_request
 */
function rawBlocksOf(binary: Uint8Array, inputs: readonly Fields[]): (Uint8Array | undefined)[] {
  let offset = 0;
  const blocks = inputs.map((input, i) => {
    const parameters = parametersOf(input, `inputs[${i}]`);
    const size = countOf(parameters, 'binary_data_size', 'bytes');
    if (size === undefined) return undefined;
    const left = binary.byteLength - offset;
    if (size > left) {
      const detail = `expected at most the ${left} bytes that are left behind the JSON`;
      throw invalidField(`${parameters.field}.binary_data_size`, detail);
    }
    offset += size;
    return binary.subarray(offset - size, offset);
  });
  if (offset === binary.byteLength) return blocks;
  const detail = `expected ${offset} bytes behind the JSON as binary_data_size says, not ${binary.byteLength}`;
  throw invalidField('body', detail);
}

interface TensorOptions {
  /** Name of the field, for messages. */
  readonly field: string;
  /** Its block behind the JSON, if it has one. */
  readonly raw: Uint8Array | undefined;
  /** Whether BYTES in JSON are base64 when the tensor itself does not say. */
  readonly base64: boolean;
  /** Strings in the JSON of inputs before this one. */
  readonly stringsBefore: number;
}

interface Input {
  readonly tensor: InputTensor;
  readonly block: Uint8Array;
  /** Strings that its JSON holds. */
  readonly strings: number;
}

/** As many dimensions as a manifest can declare. */
const MAX_DIMENSIONS = 8;

/** An input, whichever way its values came. @throws HeadgateError invalid_request, invalid_tensor */
function inputOf(input: Fields, options: TensorOptions): Input {
  const { field, raw, base64, stringsBefore } = options;
  const name = textOf(memberOf(input, 'name'), `${field}.name`);
  const datatype = datatypeOf(memberOf(input, 'datatype'), `${field}.datatype`);
  const { shape, count } = shapeOf(memberOf(input, 'shape'), `${field}.shape`);
  const parameters = parametersOf(input, field);
  refuseSharedMemory(parameters);
  const data = memberOf(input, 'data');
  if (raw && data !== undefined) {
    throw tensorError(`${field}.data`, 'expected to be absent beside binary_data_size');
  }
  // The size of BYTES is in the block itself: inference takes that apart.
  const bytes = datatype === 'BYTES' ? raw?.byteLength : count * ELEMENT_BYTES[datatype];
  if (raw && raw.byteLength !== bytes) {
    const detail = `expected ${bytes} as shape and datatype say, not ${raw.byteLength}`;
    throw tensorError(`${parameters.field}.binary_data_size`, detail);
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
function isBase64({ fields }: Parameters): boolean | undefined {
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
