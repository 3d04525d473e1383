import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { BACKGROUND_PARAMETER } from '@headgate/contracts/names';
import { SKETCH, SKETCH_LENGTH, type Sketch, sketchOfRow } from '@headgate/contracts/sketch';
import { decodeBytesTensor, encodeBytesTensor } from '@headgate/contracts/tensor';
import type { PredictCall, Prediction } from './inference.ts';

const utf8 = new TextDecoder();

/** Parameters of a call that wants sketches. */
export const ASK_FOR_SKETCHES = { [SKETCH.parameter]: { bool_param: true } };

const BACKGROUND = { [BACKGROUND_PARAMETER]: { bool_param: true } };

/** One encoded image as `image` BYTES [1] in raw_input_contents. */
export function toInferRequest(call: PredictCall): ModelInferRequest {
  return {
    model_name: call.model,
    model_version: call.version,
    id: call.requestId,
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
    raw_input_contents: [encodeBytesTensor([call.image])],
    ...(call.sketch && { parameters: ASK_FOR_SKETCHES }),
    ...(call.background && { parameters: BACKGROUND }),
  };
}

/**
 * Reads `label` BYTES [1,k], `score` FP32 [1,k] and `class_id` INT32 [1,k] where they lie in the message.
 *
 * @throws RangeError when an output is missing, or does not have the size that its shape promises
 */
export function fromInferResponse(response: ModelInferResponse__Output): Prediction {
  const [labelBlock, count] = output(response, 'label', 'BYTES');
  const labels = decodeBytesTensor(labelBlock, count);
  const scores = words(output(response, 'score', 'FP32'), count);
  const classes = words(output(response, 'class_id', 'INT32'), count);
  return {
    top: labels.map((label, i) => ({
      label: utf8.decode(label),
      class_id: classes.getInt32(i * 4, true),
      score: scores.getFloat32(i * 4, true),
    })),
    sketch: sketchesOf(response)[0],
    timing: {
      queueMs: milliseconds(response, 'queue_ms'),
      decodeMs: milliseconds(response, 'decode_ms'),
      runMs: milliseconds(response, 'run_ms'),
    },
    engineMs: engineMsOf(response),
  };
}

/**
 * A sketch of each image; none where inference makes none, or those of another release. Only records have them, so
 * none is worth a prediction.
 */
export function sketchesOf({ outputs, raw_output_contents }: ModelInferResponse__Output): Sketch[] {
  const index = outputs.findIndex(({ name }) => name === SKETCH.output);
  const [output, block] = [outputs[index], raw_output_contents[index]];
  if (!output || !block) return [];
  const [count = 0] = output.shape;
  const rowBytes = SKETCH_LENGTH * 4;
  if (block.byteLength !== count * rowBytes) return [];
  const version = Number(output.parameters[SKETCH.version]?.int64_param ?? 0);
  return Array.from({ length: count }, (_, i) =>
    sketchOfRow(block.subarray(i * rowBytes, (i + 1) * rowBytes), version),
  );
}

/** The raw block of a named output, and the number of elements that its shape promises. */
function output(response: ModelInferResponse__Output, name: string, datatype: string): [Uint8Array, number] {
  const index = response.outputs.findIndex((tensor) => tensor.name === name && tensor.datatype === datatype);
  const block = response.raw_output_contents[index];
  const shape = response.outputs[index]?.shape;
  if (!block || !shape) throw new RangeError(`the answer has no raw ${datatype} output named ${name}`);
  return [block, shape.reduce((product, dimension) => product * dimension, 1)];
}

/** A block of 4-byte elements; read through a DataView, since a slice of a message need not be aligned. */
function words([block, promised]: [Uint8Array, number], count: number): DataView {
  if (promised !== count || block.byteLength !== count * 4) {
    throw new RangeError(`a block of the answer does not hold ${count} elements`);
  }
  return new DataView(block.buffer, block.byteOffset, block.byteLength);
}

/** What the engines spent on a call, in ms; of a server that does not say so, the time of the run. */
export function engineMsOf(response: Pick<ModelInferResponse__Output, 'parameters'>): number {
  return milliseconds(response, 'engine_ms' in response.parameters ? 'engine_ms' : 'run_ms');
}

function milliseconds({ parameters }: Pick<ModelInferResponse__Output, 'parameters'>, name: string): number {
  return parameters[name]?.double_param ?? 0;
}
