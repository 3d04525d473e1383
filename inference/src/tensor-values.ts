import type { _inference_ModelInferRequest_InferInputTensor__Output as InputTensor } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { Datatype, InputSpec } from '@headgate/contracts/manifest';
import { decodeBytesTensor, ELEMENT_BYTES } from '@headgate/contracts/tensor';
import { invalid } from './request.ts';
import { blockOfContents } from './typed-contents.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

export interface BlockOptions {
  /** Place of the input in the request. */
  readonly index: number;
  /** Its block in raw_input_contents; undefined when the request has typed values. */
  readonly raw: Uint8Array | undefined;
  /** Elements that its shape promises. */
  readonly count: number;
}

/** The elements of an input as a raw block of the right size. @throws HeadgateError invalid_tensor */
export function blockOf(tensor: InputTensor, { index, raw, count }: BlockOptions): Uint8Array {
  const datatype = tensor.datatype as Datatype;
  if (raw) {
    if (tensor.contents) {
      throw invalid(`inputs[${index}].contents`, 'expected to be unset when raw_input_contents is used');
    }
    checkSize(raw, datatype, { index, count });
    return raw;
  }
  if (!tensor.contents) {
    throw invalid(`inputs[${index}].contents`, 'expected values here, or in raw_input_contents');
  }
  try {
    return blockOfContents(tensor.contents, datatype, count);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw invalid(`inputs[${index}].contents`, cause.message, cause);
  }
}

function checkSize(block: Uint8Array, datatype: Datatype, { index, count }: Omit<BlockOptions, 'raw'>): void {
  const field = `raw_input_contents[${index}]`;
  if (datatype !== 'BYTES') {
    const expected = count * ELEMENT_BYTES[datatype];
    if (block.byteLength === expected) return;
    throw invalid(field, `expected ${expected} bytes as shape and datatype say, not ${block.byteLength}`);
  }
  try {
    decodeBytesTensor(block, count);
  } catch (cause) {
    throw invalid(
      field,
      `expected ${count} elements, each after its length as 4 bytes, little-endian`,
      cause,
    );
  }
}

/** Values that ONNX Runtime or the model's owner does not want. @throws HeadgateError invalid_tensor */
export function checkValues(
  block: Uint8Array,
  { datatype, refuse_nan }: InputSpec,
  { index, raw }: { readonly index: number; readonly raw: boolean },
): void {
  const field = raw ? `raw_input_contents[${index}]` : `inputs[${index}].contents`;
  if (datatype === 'BOOL') {
    const wrong = block.findIndex((byte) => byte > 1);
    if (wrong >= 0) throw invalid(field, `element ${wrong}: expected 0 or 1`);
  }
  if (datatype === 'BYTES') checkText(block, field);
  if (refuse_nan) {
    const wrong = firstNaN(block, datatype);
    if (wrong >= 0) throw invalid(field, `element ${wrong}: expected a number, not NaN`);
  }
}

/** Strings of ONNX are text that ends at a NUL: anything else would come out changed. */
function checkText(block: Uint8Array, field: string): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  for (let offset = 0, index = 0; offset < block.byteLength; index += 1) {
    const end = offset + 4 + view.getUint32(offset, true);
    const element = block.subarray(offset + 4, end);
    if (element.includes(0)) throw invalid(field, `element ${index}: expected text without NUL`);
    try {
      utf8.decode(element);
    } catch (cause) {
      throw invalid(field, `element ${index}: expected UTF-8, since this model takes text`, cause);
    }
    offset = end;
  }
}

/** Index of the first element that is not a number; -1 when there is none, and for types that have none. */
function firstNaN(block: Uint8Array, datatype: Datatype): number {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const isNaNAt = NAN_TEST[datatype];
  if (!isNaNAt || datatype === 'BYTES') return -1;
  const size = ELEMENT_BYTES[datatype];
  for (let offset = 0; offset < block.byteLength; offset += size) {
    if (isNaNAt(view, offset)) return offset / size;
  }
  return -1;
}

const NAN_TEST: Partial<Record<Datatype, (view: DataView, offset: number) => boolean>> = {
  // Five bits of exponent set, and any bit of the fraction.
  FP16: (view, offset) => (view.getUint16(offset, true) & 0x7fff) > 0x7c00,
  FP32: (view, offset) => Number.isNaN(view.getFloat32(offset, true)),
  FP64: (view, offset) => Number.isNaN(view.getFloat64(offset, true)),
};
