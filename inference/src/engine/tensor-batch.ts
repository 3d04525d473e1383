import type { Datatype, TensorSpec } from '@headgate/contracts/manifest';
import { ELEMENT_BYTES } from '@headgate/contracts/tensor';
import type { RawTensor } from './protocol.ts';

/** Empty BYTES elements are their length alone. */
const LENGTH_BYTES = 4;

/** Indices of items that can run together: those whose tensors have the same shapes. In the order of the items. */
export function groupByShape(items: readonly (readonly RawTensor[])[]): number[][] {
  const groups = new Map<string, number[]>();
  items.forEach((tensors, i) => {
    const key = tensors.map(({ shape }) => shape.join()).join(';');
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  });
  return [...groups.values()];
}

/** Joins items along dim 0; a single one stays as it is. They have the same number of tensors, of the same shapes. */
export function joinItems(items: readonly (readonly RawTensor[])[]): readonly RawTensor[] {
  const [first = []] = items;
  if (items.length === 1) return first;
  return first.map(({ shape: [rows = 1, ...rest] }, i) => ({
    shape: [rows * items.length, ...rest],
    block: Buffer.concat(items.map((tensors) => tensors[i]?.block ?? new Uint8Array())),
  }));
}

/**
 * The opposite: dim 0 falls apart into single rows, as views on the block.
 *
 * @throws RangeError when dim 0 is not `count`: the model does not answer item by item
 */
export function splitTensor({ shape, block }: RawTensor, datatype: Datatype, count: number): RawTensor[] {
  const [rows, ...rest] = shape;
  if (rows !== count) throw new RangeError(`an output has the shape [${shape}] for ${count} items`);
  const ends = rowEnds(block, datatype, { count, elements: rest.reduce((a, b) => a * b, 1) });
  return ends.map((end, i) => ({ shape: [1, ...rest], block: block.subarray(ends[i - 1] ?? 0, end) }));
}

/** Where each row of a block ends. */
function rowEnds(block: Uint8Array, datatype: Datatype, rows: { count: number; elements: number }): number[] {
  const { count, elements } = rows;
  if (datatype !== 'BYTES') {
    return Array.from({ length: count }, (_, i) => (i + 1) * elements * ELEMENT_BYTES[datatype]);
  }
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  let offset = 0;
  return Array.from({ length: count }, () => {
    for (let i = 0; i < elements; i += 1) offset += LENGTH_BYTES + view.getUint32(offset, true);
    return offset;
  });
}

/** An item of zeros and empty strings; sides of variable length are 1. */
export function blankItem(inputs: readonly TensorSpec[]): RawTensor[] {
  return inputs.map(({ datatype, shape }) => {
    const sides = shape.map((side) => (side === -1 ? 1 : side));
    const elements = sides.reduce((a, b) => a * b, 1);
    const size = datatype === 'BYTES' ? LENGTH_BYTES : ELEMENT_BYTES[datatype];
    return { shape: sides, block: new Uint8Array(elements * size) };
  });
}
