import type { Datatype } from './manifest.ts';

/** Raw tensor blocks of the Open Inference Protocol: little-endian, row-major. Web-standard only. */

/** Bytes of one element; BYTES elements have lengths of their own. */
export const ELEMENT_BYTES: Readonly<Record<Exclude<Datatype, 'BYTES'>, 1 | 2 | 4 | 8>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
};

/** Largest dimension that is believed: more elements than any message can carry. */
const MAX_DIMENSION = 2 ** 31 - 1;

/** Elements of a tensor of this shape; undefined unless every dimension is a whole number from 1 to 2^31 - 1. */
export function elementCount(shape: readonly number[]): number | undefined {
  const sane = shape.every((side) => Number.isInteger(side) && side >= 1 && side <= MAX_DIMENSION);
  const count = shape.reduce((product, side) => product * side, 1);
  return sane && Number.isSafeInteger(count) ? count : undefined;
}

const LENGTH_BYTES = 4;

/** Encodes BYTES elements: each preceded by its length as uint32 little-endian. */
export function encodeBytesTensor(elements: readonly Uint8Array[]): Uint8Array {
  const total = elements.reduce((sum, element) => sum + LENGTH_BYTES + element.byteLength, 0);
  const block = new Uint8Array(total);
  const view = new DataView(block.buffer);
  let offset = 0;
  for (const element of elements) {
    view.setUint32(offset, element.byteLength, true);
    block.set(element, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + element.byteLength;
  }
  return block;
}

/**
 * Splits a BYTES block into its elements, as views on the block (nothing is copied).
 *
 * @param block raw block of one BYTES tensor
 * @param count elements that the tensor's shape promises
 * @throws RangeError when the block does not hold exactly `count` elements
 */
export function decodeBytesTensor(block: Uint8Array, count: number): Uint8Array[] {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset < block.byteLength) {
    if (elements.length === count) throw new RangeError(`the block holds more than ${count} elements`);
    if (offset + LENGTH_BYTES > block.byteLength) throw new RangeError('the block ends inside a length');
    const length = view.getUint32(offset, true);
    const start = offset + LENGTH_BYTES;
    if (length > block.byteLength - start) throw new RangeError('the block ends inside an element');
    elements.push(block.subarray(start, start + length));
    offset = start + length;
  }
  if (elements.length !== count)
    throw new RangeError(`the block holds ${elements.length} elements, not ${count}`);
  return elements;
}
