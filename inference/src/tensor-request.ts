import type {
  _inference_ModelInferRequest_InferInputTensor__Output as InputTensor,
  ModelInferRequest__Output,
} from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { InputSpec, Manifest } from '@headgate/contracts/manifest';
import { elementCount } from '@headgate/contracts/tensor';
import type { RawTensor } from './engine/protocol.ts';
import { splitTensor } from './engine/tensor-batch.ts';
import { invalid, requestedOutputs } from './request.ts';
import { blockOf, checkValues } from './tensor-values.ts';

export interface TensorRequest {
  /** One for each item, with one tensor for each input of the manifest, in its order; at least one. */
  readonly items: readonly (readonly RawTensor[])[];
  /** Names, in the order in which they are answered. */
  readonly outputs: readonly string[];
}

/** An input as it was found: where it stands in the request, and what the manifest says about it. */
interface Found {
  readonly index: number;
  readonly tensor: InputTensor;
  readonly spec: InputSpec;
}

/**
 * Reads a ModelInfer request for a model of the kind `tensor`. Where the model is batched, each row is an item of
 * its own: it may share a run with the rows of other calls.
 *
 * @param maxStrings most elements of datatype BYTES in the request
 * @throws HeadgateError invalid_tensor, naming the field and what it should be
 */
export function readTensorRequest(
  request: ModelInferRequest__Output,
  manifest: Manifest,
  maxStrings: number,
): TensorRequest {
  const { inputs, batching } = manifest;
  const maxBatchSize = batching.max_batch_size;
  const isBatched = maxBatchSize > 1;
  refusePhoto(request.inputs, manifest);
  const found = findInputs(request.inputs, inputs);
  const shapes = found.map((input) => shapeOf(input, isBatched));
  refuseManyStrings(found, shapes, maxStrings);
  const rows = isBatched ? rowCount(found, shapes, maxBatchSize) : 1;
  const raw = request.raw_input_contents;
  if (raw.length > 0 && raw.length !== found.length) {
    throw invalid('raw_input_contents', `expected one block per input: ${found.length}`);
  }
  const tensors = found.map((input, i) => {
    const { shape, count } = shapes[i] as Shape;
    const { index, tensor, spec } = input;
    const block = blockOf(tensor, { index, raw: raw.length > 0 ? raw[index] : undefined, count });
    checkValues(block, spec, { index, raw: raw.length > 0 });
    return { shape, block };
  });
  const split = tensors.map((tensor, i) =>
    isBatched ? splitTensor(tensor, (inputs[i] as InputSpec).datatype, rows) : [tensor],
  );
  return {
    items: Array.from({ length: rows }, (_, row) => split.map((parts) => parts[row] as RawTensor)),
    outputs: requestedOutputs(
      request,
      manifest.outputs.map(({ name }) => name),
    ),
  };
}

/** What the gateway makes of a photo that was sent to /predict: it does not know what a model takes. */
function refusePhoto([first, ...others]: readonly InputTensor[], { name, inputs }: Manifest): void {
  if (first?.name !== 'image' || first.datatype !== 'BYTES' || others.length > 0) return;
  if (inputs.some((spec) => spec.name === first.name)) return;
  const route = `send them to /v2/models/${name}/infer; GET /v2/models/${name} describes them`;
  throw invalid('inputs[0]', `this model takes tensors, not photos: ${route}`);
}

/** The tensors of the request in the order of the manifest: each there once, and no other. */
function findInputs(tensors: readonly InputTensor[], specs: readonly InputSpec[]): Found[] {
  const names = specs.map(({ name }) => name);
  tensors.forEach(({ name }, i) => {
    if (!names.includes(name)) throw invalid(`inputs[${i}].name`, `expected one of ${names.join(', ')}`);
    if (tensors.findIndex((other) => other.name === name) !== i) {
      throw invalid(`inputs[${i}].name`, 'expected each input once');
    }
  });
  return specs.map((spec) => {
    const index = tensors.findIndex(({ name }) => name === spec.name);
    const tensor = tensors[index];
    if (!tensor) throw invalid('inputs', `expected a tensor named ${spec.name} too`);
    if (tensor.datatype !== spec.datatype)
      throw invalid(`inputs[${index}].datatype`, `expected ${spec.datatype}`);
    return { index, tensor, spec };
  });
}

interface Shape {
  readonly shape: readonly number[];
  /** Elements. */
  readonly count: number;
}

function shapeOf({ index, tensor, spec }: Found, isBatched: boolean): Shape {
  // A scalar; Triton's configuration, which knows none, says [1].
  const shape = spec.shape.length === 0 && tensor.shape.join() === '1' ? [] : tensor.shape;
  const field = `inputs[${index}].shape`;
  const fits = shape.length === spec.shape.length && spec.shape.every((s, i) => s === -1 || s === shape[i]);
  if (!fits) {
    const wanted = spec.shape.map((side, i) => (side === -1 ? (isBatched && i === 0 ? 'n' : 'any') : side));
    throw invalid(field, `expected [${wanted.join(', ')}]`);
  }
  const count = elementCount(shape);
  if (count === undefined) throw invalid(field, 'expected dimensions from 1 to 2147483647');
  return { shape, count };
}

/** Each string is an object of its own here and in the engine, of however few bytes: none is looked at before this. */
function refuseManyStrings(found: readonly Found[], shapes: readonly Shape[], most: number): void {
  let strings = 0;
  found.forEach(({ index, spec }, i) => {
    if (spec.datatype === 'BYTES') strings += shapes[i]?.count ?? 0;
    if (strings > most)
      throw invalid(`inputs[${index}].shape`, `expected at most ${most} elements of BYTES in a call`);
  });
}

function rowCount(found: readonly Found[], shapes: readonly Shape[], maxBatchSize: number): number {
  const rows = shapes[0]?.shape[0] ?? 0;
  shapes.forEach(({ shape }, i) => {
    const field = `inputs[${found[i]?.index}].shape[0]`;
    if ((shape[0] ?? 0) > maxBatchSize)
      throw invalid(field, `expected at most ${maxBatchSize}, the largest batch`);
    if (shape[0] !== rows) throw invalid(field, 'expected the same batch in each input');
  });
  return rows;
}
