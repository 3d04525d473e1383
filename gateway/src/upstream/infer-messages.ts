import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { decodeBytesTensor, encodeBytesTensor } from '@headgate/contracts/tensor';
import type { PredictCall, Prediction } from './predictor.ts';

const utf8 = new TextDecoder();

/** One encoded image as `image` BYTES [1] in raw_input_contents. */
export function toInferRequest(call: PredictCall): ModelInferRequest {
  return {
    model_name: call.model,
    model_version: call.version,
    id: call.requestId,
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
    raw_input_contents: [encodeBytesTensor([call.image])],
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
    timing: {
      queueMs: milliseconds(response, 'queue_ms'),
      decodeMs: milliseconds(response, 'decode_ms'),
      runMs: milliseconds(response, 'run_ms'),
    },
  };
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

function milliseconds({ parameters }: ModelInferResponse__Output, name: string): number {
  return parameters[name]?.double_param ?? 0;
}
