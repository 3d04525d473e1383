import type { InferTensorContents__Output } from '@headgate/contracts/gen/grpc/inference/InferTensorContents';
import type { Datatype } from '@headgate/contracts/manifest';
import { ELEMENT_BYTES, encodeBytesTensor } from '@headgate/contracts/tensor';

type List = Exclude<keyof InferTensorContents__Output, 'bytes_contents'>;

/** How elements of a datatype come as typed values, and go into a raw block. */
interface NumberRule {
  readonly list: List;
  /** Whole numbers from `min` to `max`; any number when absent. */
  readonly range?: readonly [min: number, max: number];
  readonly write: (view: DataView, offset: number, value: number) => void;
}

const whole = (list: List, bits: number, signed: boolean, write: NumberRule['write']): NumberRule => ({
  list,
  range: signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1],
  write,
});

/** Numbers of 64 bits reach us as JavaScript numbers, which are exact up to this one. */
const EXACT = Number.MAX_SAFE_INTEGER;

const RULES: Readonly<Record<Exclude<Datatype, 'BYTES' | 'FP16'>, NumberRule>> = {
  BOOL: { list: 'bool_contents', write: (view, at, value) => view.setUint8(at, value ? 1 : 0) },
  INT8: whole('int_contents', 8, true, (view, at, value) => view.setInt8(at, value)),
  INT16: whole('int_contents', 16, true, (view, at, value) => view.setInt16(at, value, true)),
  INT32: whole('int_contents', 32, true, (view, at, value) => view.setInt32(at, value, true)),
  UINT8: whole('uint_contents', 8, false, (view, at, value) => view.setUint8(at, value)),
  UINT16: whole('uint_contents', 16, false, (view, at, value) => view.setUint16(at, value, true)),
  UINT32: whole('uint_contents', 32, false, (view, at, value) => view.setUint32(at, value, true)),
  INT64: {
    list: 'int64_contents',
    range: [-EXACT, EXACT],
    write: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  },
  UINT64: {
    list: 'uint64_contents',
    range: [0, EXACT],
    write: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  },
  FP32: { list: 'fp32_contents', write: (view, at, value) => view.setFloat32(at, value, true) },
  FP64: { list: 'fp64_contents', write: (view, at, value) => view.setFloat64(at, value, true) },
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
  const list = datatype === 'BYTES' ? 'bytes_contents' : RULES[datatype].list;
  const other = Object.entries(contents).find(([name, values]) => name !== list && values.length > 0);
  if (other) throw new RangeError(`${datatype} values belong in ${list}, not in ${other[0]}`);
  if (contents[list].length !== count) {
    throw new RangeError(`${list} has ${contents[list].length} elements, the shape ${count}`);
  }
  if (datatype === 'BYTES') return encodeBytesTensor(contents.bytes_contents);
  return numbersBlock(contents[RULES[datatype].list].map(Number), datatype);
}

function numbersBlock(values: readonly number[], datatype: Exclude<Datatype, 'BYTES' | 'FP16'>): Uint8Array {
  const { list, range, write } = RULES[datatype];
  const size = ELEMENT_BYTES[datatype];
  const view = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((value, i) => {
    if (range && !(value >= range[0] && value <= range[1])) throw new RangeError(beyond(list, i, datatype));
    write(view, i * size, value);
  });
  return new Uint8Array(view.buffer);
}

function beyond(list: List, index: number, datatype: Datatype): string {
  const remedy = datatype.endsWith('64') ? '; beyond 2^53 use raw_input_contents, which is exact' : '';
  return `${list}[${index}] is out of the range of ${datatype}${remedy}`;
}
