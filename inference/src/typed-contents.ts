import type { InferTensorContents__Output } from '@headgate/contracts/gen/grpc/inference/InferTensorContents';
import type { Datatype } from '@headgate/contracts/manifest';
import { ELEMENT_BYTES, encodeBytesTensor } from '@headgate/contracts/tensor';
import { NUMBERS, type NumberType } from '@headgate/contracts/tensor-numbers';

type List = Exclude<keyof InferTensorContents__Output, 'bytes_contents'>;

/** The list that holds the values of a datatype. */
const LISTS: Readonly<Record<NumberType | 'BOOL', List>> = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  INT64: 'int64_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
};

/**
 * Typed values as a raw block.
 *
 * @param count elements that the shape promises
 * @throws RangeError with what was expected of which list
 */
export function blockOfContents(
  contents: InferTensorContents__Output,
  datatype: Datatype,
  count: number,
): Uint8Array {
  if (datatype === 'FP16') throw new RangeError('FP16 has no typed values; use raw_input_contents');
  const list = datatype === 'BYTES' ? 'bytes_contents' : LISTS[datatype];
  const other = Object.entries(contents).find(([name, values]) => name !== list && values.length > 0);
  if (other) throw new RangeError(`${datatype} values belong in ${list}, not in ${other[0]}`);
  if (contents[list].length !== count) {
    throw new RangeError(`${list} has ${contents[list].length} elements, the shape ${count}`);
  }
  if (datatype === 'BYTES') return encodeBytesTensor(contents.bytes_contents);
  if (datatype === 'BOOL') return Uint8Array.from(contents.bool_contents, Number);
  return numbersBlock(contents[LISTS[datatype]].map(Number), datatype);
}

function numbersBlock(values: readonly number[], datatype: NumberType): Uint8Array {
  const { range, write } = NUMBERS[datatype];
  const size = ELEMENT_BYTES[datatype];
  const view = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((value, i) => {
    if (range && !(value >= range[0] && value <= range[1]))
      throw new RangeError(beyond(LISTS[datatype], i, datatype));
    write(view, i * size, value);
  });
  return new Uint8Array(view.buffer);
}

function beyond(list: List, index: number, datatype: Datatype): string {
  const remedy = datatype.endsWith('64') ? '; beyond 2^53 use raw_input_contents, which is exact' : '';
  return `${list}[${index}] is out of the range of ${datatype}${remedy}`;
}
