import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { imageTypeOf } from '@headgate/contracts/image/header';
import { SKETCH } from '@headgate/contracts/sketch';
import { decodeBytesTensor, elementCount } from '@headgate/contracts/tensor';
import { sketchesOf } from '../../upstream/messages.ts';
import type { SeenItem } from '../settle.ts';
import type { InferRequest } from './infer-request.ts';

const NOTHING: SeenItem = { top: [] };
const utf8 = new TextDecoder();

/**
 * The encoded images of a request, as views on it: those of its only input, where each element of it looks like an
 * image from outside. Empty for everything else, and for more than `most`.
 */
export function imagesOf({ message }: Pick<InferRequest, 'message'>, most: number): readonly Uint8Array[] {
  const { inputs: [input, other] = [], raw_input_contents: [block] = [] } = message;
  const count = elementCount((input?.shape ?? []).map(Number)) ?? 0;
  if (other || input?.datatype !== 'BYTES' || !(block instanceof Uint8Array) || count > most) return [];
  const elements = elementsOf(block, count);
  return elements.every((element) => imageTypeOf(element)) ? elements : [];
}

/** The answer without what only the gateway asked for. */
export function withoutSketches(response: ModelInferResponse__Output): ModelInferResponse__Output {
  const index = response.outputs.findIndex(({ name }) => name === SKETCH.output);
  if (index < 0) return response;
  return {
    ...response,
    outputs: response.outputs.toSpliced(index, 1),
    raw_output_contents: response.raw_output_contents.toSpliced(index, 1),
  };
}

/**
 * What the answer says of each of its items, as far as the caller asked for it: label BYTES, score FP32 and class_id
 * INT32 of the shape [count, k], as image models answer. Never throws: what cannot be read is not recorded.
 */
export function seenItems(response: ModelInferResponse__Output, count: number): readonly SeenItem[] {
  try {
    const [labels, scores, classes] = [
      labelsOf(response, count),
      numbersOf(response, count, { name: 'score', datatype: 'FP32' }),
      numbersOf(response, count, { name: 'class_id', datatype: 'INT32' }),
    ];
    const sketches = sketchesOf(response);
    return Array.from({ length: count }, (_, item) => {
      const [label = [], score = [], class_id = []] = [labels[item], scores[item], classes[item]];
      const top = Array.from({ length: Math.max(label.length, score.length, class_id.length) }, (_, i) => ({
        label: label[i] ?? null,
        class_id: class_id[i] ?? null,
        score: score[i] ?? null,
      }));
      return { top, sketch: sketches[item] };
    });
  } catch {
    return Array.from({ length: count }, () => NOTHING);
  }
}

function elementsOf(block: Uint8Array, count: number): readonly Uint8Array[] {
  try {
    return decodeBytesTensor(block, count);
  } catch {
    return [];
  }
}

function labelsOf(response: ModelInferResponse__Output, count: number): string[][] {
  const { block, width } = rowsOf(response, count, { name: 'label', datatype: 'BYTES' });
  const labels = decodeBytesTensor(block, count * width).map((label) => utf8.decode(label));
  return Array.from({ length: count }, (_, item) => labels.slice(item * width, (item + 1) * width));
}

function numbersOf(response: ModelInferResponse__Output, count: number, tensor: TensorName): number[][] {
  const { block, width } = rowsOf(response, count, tensor);
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const at = (i: number) =>
    tensor.datatype === 'FP32' ? view.getFloat32(i * 4, true) : view.getInt32(i * 4, true);
  return Array.from({ length: count }, (_, item) =>
    Array.from({ length: width }, (_, i) => at(item * width + i)),
  );
}

interface TensorName {
  readonly name: string;
  readonly datatype: string;
}

const NO_ROWS = { block: new Uint8Array(), width: 0 };

/** Most classes of an item that a record has room for. */
const MAX_WIDTH = 100;

/** The block of an output with `count` rows; without width where there is none, or too wide a one. */
function rowsOf(
  { outputs, raw_output_contents }: ModelInferResponse__Output,
  count: number,
  { name, datatype }: TensorName,
): { readonly block: Uint8Array; readonly width: number } {
  const index = outputs.findIndex((output) => output.name === name && output.datatype === datatype);
  const [rows, width = 0, ...more] = outputs[index]?.shape ?? [];
  const block = raw_output_contents[index];
  if (rows !== count || more.length > 0 || width > MAX_WIDTH || !block) return NO_ROWS;
  return { block, width };
}
