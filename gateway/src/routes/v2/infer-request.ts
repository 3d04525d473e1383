import type {
  ModelInferRequest,
  _inference_ModelInferRequest_InferRequestedOutputTensor as RequestedOutput,
} from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { type Fields, invalidField, memberOf, objectsOf, textOf } from './fields.ts';
import type { Frame } from './frame.ts';
import { inputOf, isBase64 } from './input-tensor.ts';
import { countOf, flagOf, type Parameters, parametersOf, toMessage } from './parameters.ts';
import { rawBlocksOf } from './raw-blocks.ts';

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
    wantsBinary: binaryRule(outputs, flagOf(parameters, 'binary_data_output') ?? false),
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

function binaryRule(outputs: readonly Output[], byDefault: boolean): InferRequest['wantsBinary'] {
  const chosen = new Map(outputs.map(({ name, binary }) => [name, binary]));
  return (output) => chosen.get(output) ?? byDefault;
}

/** Triton counts in µs, and 0 grants as much as no timeout. */
function timeoutOf(parameters: Parameters): number {
  const microseconds = countOf(parameters, 'timeout', 'microseconds') ?? 0;
  return microseconds === 0 ? Number.POSITIVE_INFINITY : microseconds / 1000;
}
