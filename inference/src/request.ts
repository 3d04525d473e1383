import { HeadgateError } from '@headgate/contracts/errors';
import type {
  _inference_ModelInferRequest_InferInputTensor__Output as InputTensor,
  ModelInferRequest__Output,
} from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { decodeBytesTensor } from '@headgate/contracts/tensor';

/** Outputs of every image model, in the order in which they are answered when none is asked for. */
const OUTPUTS = ['label', 'score', 'class_id'] as const;
export type OutputName = (typeof OUTPUTS)[number];

/** What a model version accepts. */
export interface ImageInput {
  /** Name of the tensor. */
  readonly name: string;
  readonly maxBatchSize: number;
}

export interface ImageRequest {
  /** Encoded images, as views on the message; at least one. */
  readonly images: readonly Uint8Array[];
  readonly outputs: readonly OutputName[];
}

/**
 * Reads a ModelInfer request for an image model.
 *
 * @throws HeadgateError invalid_tensor, naming the field and what it should be
 */
export function readImageRequest(request: ModelInferRequest__Output, expected: ImageInput): ImageRequest {
  const [tensor, ...others] = request.inputs;
  if (!tensor) throw invalid('inputs', `expected one tensor named ${expected.name}`);
  if (tensor.name !== expected.name || tensor.datatype !== 'BYTES') {
    const [field, wanted] = tensor.name === expected.name ? ['datatype', 'BYTES'] : ['name', expected.name];
    const photos = `this model takes encoded photos, here and at /v1/models/${request.model_name}/predict`;
    throw invalid(`inputs[0].${field}`, `expected ${wanted}: ${photos}`);
  }
  if (others.length > 0) throw invalid('inputs[1]', `expected no tensor besides ${expected.name}`);
  const count = imageCount(tensor.shape, expected.maxBatchSize);
  const images = elements(tensor, request.raw_input_contents, count);
  const empty = images.findIndex((image) => image.byteLength === 0);
  if (empty >= 0) throw invalid(`inputs[0] element ${empty}`, 'expected an encoded image, not zero bytes');
  return { images, outputs: requestedOutputs(request, OUTPUTS) };
}

/** [n], as the metadata say; or [n, 1], as callers read Triton's configuration, whose items have the dims [1]. */
function imageCount(shape: readonly number[], maxBatchSize: number): number {
  const [count, side = 1] = shape;
  if (shape.length > 2 || side !== 1 || count === undefined || count < 1) {
    throw invalid('inputs[0].shape', 'expected [n] or [n, 1], with n of at least 1');
  }
  if (count > maxBatchSize)
    throw invalid('inputs[0].shape', `expected at most ${maxBatchSize} images in a call`);
  return count;
}

function elements(tensor: InputTensor, raw: readonly Buffer[], count: number): readonly Uint8Array[] {
  const typed = tensor.contents?.bytes_contents ?? [];
  if (raw.length === 0) {
    if (typed.length === count) return typed;
    throw invalid(
      'inputs[0].contents.bytes_contents',
      `expected ${count} elements as the shape says, not ${typed.length}`,
    );
  }
  if (tensor.contents)
    throw invalid('inputs[0].contents', 'expected to be unset when raw_input_contents is used');
  const [block] = raw;
  if (raw.length !== 1 || !block) throw invalid('raw_input_contents', 'expected one block per input: 1');
  try {
    return decodeBytesTensor(block, count);
  } catch (cause) {
    throw invalid(
      'raw_input_contents[0]',
      `expected ${count} elements, each after its length as 4 bytes, little-endian`,
      cause,
    );
  }
}

/**
 * The outputs that a caller asks for: all of them when it names none.
 *
 * @throws HeadgateError invalid_tensor
 */
export function requestedOutputs<Name extends string>(
  { outputs }: Pick<ModelInferRequest__Output, 'outputs'>,
  offered: readonly Name[],
): readonly Name[] {
  if (outputs.length === 0) return offered;
  return outputs.map(({ name }, i) => {
    const known = offered.find((output) => output === name);
    if (!known) throw invalid(`outputs[${i}].name`, `expected one of ${offered.join(', ')}`);
    if (outputs.findIndex((other) => other.name === name) !== i) {
      throw invalid(`outputs[${i}].name`, 'expected each output once');
    }
    return known;
  });
}

/** What is wrong with which field of a request. */
export function invalid(field: string, expectation: string, cause?: unknown): HeadgateError {
  return new HeadgateError('invalid_tensor', `${field}: ${expectation}.`, { cause });
}
