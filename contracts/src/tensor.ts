/** Raw tensor blocks of the Open Inference Protocol: little-endian, row-major. Web-standard only. */

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
