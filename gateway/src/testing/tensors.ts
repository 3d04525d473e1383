import type { Datatype } from '@headgate/contracts/manifest';
import fc from 'fast-check';

/** A tensor in both forms: the oracle of the codecs, made with typed arrays alone. */
export interface SampleTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: readonly unknown[];
  readonly block: Uint8Array;
}

type ArrayType = { from(values: Iterable<never>): ArrayBufferView };
interface Kind {
  readonly datatype: Datatype;
  readonly value: fc.Arbitrary<unknown>;
  readonly block: (values: readonly unknown[]) => Uint8Array;
}

/** Every platform that Node runs on is little-endian, as the protocol is. */
const typed =
  (type: ArrayType) =>
  (values: readonly unknown[]): Uint8Array => {
    const { buffer, byteOffset, byteLength } = type.from(values as never[]);
    return new Uint8Array(buffer, byteOffset, byteLength);
  };

const integer = (datatype: Datatype, type: ArrayType, min: number, max: number): Kind => ({
  datatype,
  value: fc.integer({ min, max }),
  block: typed(type),
});

const long = (datatype: Datatype, type: ArrayType, min: number): Kind => ({
  datatype,
  value: fc.maxSafeInteger().filter((value) => value >= min),
  block: (values) => typed(type)(values.map((value) => BigInt(value as number))),
});

const KINDS: readonly Kind[] = [
  { datatype: 'BOOL', value: fc.boolean(), block: (values) => Uint8Array.from(values, Number) },
  integer('INT8', Int8Array, -(2 ** 7), 2 ** 7 - 1),
  integer('INT16', Int16Array, -(2 ** 15), 2 ** 15 - 1),
  integer('INT32', Int32Array, -(2 ** 31), 2 ** 31 - 1),
  integer('UINT8', Uint8Array, 0, 2 ** 8 - 1),
  integer('UINT16', Uint16Array, 0, 2 ** 16 - 1),
  integer('UINT32', Uint32Array, 0, 2 ** 32 - 1),
  long('INT64', BigInt64Array, -Number.MAX_SAFE_INTEGER),
  long('UINT64', BigUint64Array, 0),
  {
    datatype: 'FP32',
    value: fc.float({ noNaN: true, noDefaultInfinity: true }),
    block: typed(Float32Array),
  },
  {
    datatype: 'FP64',
    value: fc.double({ noNaN: true, noDefaultInfinity: true }),
    block: typed(Float64Array),
  },
  {
    datatype: 'BYTES',
    value: fc.string({ unit: 'binary', maxLength: 8 }),
    block: (values) => lengthPrefixed(values as string[]),
  },
];

function lengthPrefixed(texts: readonly string[]): Uint8Array {
  const parts = texts.flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.byteLength);
    return [length, bytes];
  });
  return new Uint8Array(Buffer.concat(parts));
}

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 });

function tensorOf({ datatype, value, block }: Kind): fc.Arbitrary<Omit<SampleTensor, 'name'>> {
  return shapes.chain((shape) => {
    const count = shape.reduce((product, side) => product * side, 1);
    return fc
      .array(value, { minLength: count, maxLength: count })
      .map((values) => ({ datatype, shape, values, block: block(values) }));
  });
}

/** One to four tensors of any datatype that JSON can hold, with different names. */
export const sampleTensors: fc.Arbitrary<SampleTensor[]> = fc
  .array(fc.oneof(...KINDS.map(tensorOf)), { minLength: 1, maxLength: 4 })
  .map((tensors) => tensors.map((tensor, i) => ({ ...tensor, name: `t${i}` })));

/** Lists in lists, as the shape says. */
function nested(values: readonly unknown[], shape: readonly number[]): unknown {
  const [side = 1, ...inner] = shape;
  if (inner.length === 0) return [...values];
  const size = values.length / side;
  return Array.from({ length: side }, (_, i) => nested(values.slice(i * size, (i + 1) * size), inner));
}

export type Form = 'flat' | 'nested' | 'binary';

/** A body that carries each tensor in its form, and the header that says where its JSON ends. */
export function bodyOf(
  tensors: readonly SampleTensor[],
  forms: (index: number) => Form,
  more: object = {},
): { readonly body: Uint8Array<ArrayBuffer>; readonly headers: Record<string, string> } {
  const inputs = tensors.map(({ name, datatype, shape, values, block }, i) => {
    const form = forms(i);
    const tensor = { name, datatype, shape };
    if (form === 'binary') return { ...tensor, parameters: { binary_data_size: block.byteLength } };
    return { ...tensor, data: form === 'flat' ? values : nested(values, shape) };
  });
  const head = Buffer.from(json({ ...more, inputs }));
  const blocks = tensors.filter((_, i) => forms(i) === 'binary').map(({ block }) => block);
  return {
    body: new Uint8Array(Buffer.concat([head, ...blocks])),
    headers: { 'inference-header-content-length': String(head.byteLength) },
  };
}

/** JSON.stringify drops the sign of -0. */
function json(value: unknown): string {
  const marked = JSON.stringify(value, (_, member) => (Object.is(member, -0) ? '\u0000-0' : member));
  return marked.replaceAll('"\\u0000-0"', '-0');
}
