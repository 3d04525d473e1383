import type { Datatype } from '@headgate/contracts/manifest';
import { decodeBytesTensor, ELEMENT_BYTES, encodeBytesTensor } from '@headgate/contracts/tensor';
import type { RawTensor } from '../../protocol.ts';

/** Tensors as JSON writes them: for records that people read, not for requests. */

/** A number with a fraction is a number; whole numbers are bigint, which are compared exactly. */
export type Value = number | bigint | string;
export type JsonValue = number | string | boolean;

interface Access {
  get(view: DataView, offset: number): Value;
  set(view: DataView, offset: number, value: JsonValue): void;
}

const float = (
  get: (view: DataView, offset: number) => number,
  set: (view: DataView, offset: number, value: number) => void,
): Access => ({
  get,
  set: (view, offset, value) => set(view, offset, Number(value)),
});

/** @throws RangeError for what does not fit, SyntaxError for what is no whole number */
const whole = (bits: 8 | 16 | 32 | 64, signed: boolean): Access => {
  const mask = signed ? BigInt.asIntN : BigInt.asUintN;
  const size = bits / 8;
  return {
    get: (view, offset) => {
      let value = 0n;
      for (let i = size - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(view.getUint8(offset + i));
      return mask(bits, value);
    },
    set: (view, offset, json) => {
      const value = BigInt(json);
      if (mask(bits, value) !== value) throw new RangeError(`${value} does not fit`);
      for (let i = 0; i < size; i += 1) {
        view.setUint8(offset + i, Number((value >> BigInt(8 * i)) & 0xffn));
      }
    },
  };
};

const ACCESS: Readonly<Record<Exclude<Datatype, 'BYTES'>, Access>> = {
  BOOL: whole(8, false),
  UINT8: whole(8, false),
  UINT16: whole(16, false),
  UINT32: whole(32, false),
  UINT64: whole(64, false),
  INT8: whole(8, true),
  INT16: whole(16, true),
  INT32: whole(32, true),
  INT64: whole(64, true),
  FP16: float(
    (view, offset) => view.getFloat16(offset, true),
    (view, offset, value) => view.setFloat16(offset, value, true),
  ),
  FP32: float(
    (view, offset) => view.getFloat32(offset, true),
    (view, offset, value) => view.setFloat32(offset, value, true),
  ),
  FP64: float(
    (view, offset) => view.getFloat64(offset, true),
    (view, offset, value) => view.setFloat64(offset, value, true),
  ),
};

/** @throws RangeError, SyntaxError or TypeError when a value is none of this type */
export function blockOfValues(values: readonly JsonValue[], datatype: Datatype): Uint8Array {
  if (datatype === 'BYTES') return encodeBytesTensor(values.map((text) => Buffer.from(String(text))));
  const size = ELEMENT_BYTES[datatype];
  const view = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((value, i) => {
    ACCESS[datatype].set(view, i * size, value);
  });
  return new Uint8Array(view.buffer);
}

/** The elements of a block, in their order; BYTES as Latin-1, so that equal text means equal bytes. */
export function valuesOfBlock({ shape, block }: RawTensor, datatype: Datatype): Value[] {
  const count = shape.reduce((a, b) => a * b, 1);
  if (datatype === 'BYTES') {
    return decodeBytesTensor(block, count).map((element) => Buffer.from(element).toString('latin1'));
  }
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  return Array.from({ length: count }, (_, i) => ACCESS[datatype].get(view, i * ELEMENT_BYTES[datatype]));
}
