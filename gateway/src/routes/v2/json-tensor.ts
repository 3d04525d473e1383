import type { Datatype } from '@headgate/contracts/manifest';
import { ELEMENT_BYTES, encodeBytesTensor } from '@headgate/contracts/tensor';
import { NUMBERS, type NumberType } from '@headgate/contracts/tensor-numbers';
import { tensorError } from './fields.ts';

/** A tensor whose values are in the JSON. */
export interface JsonTensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Elements, by its shape. */
  readonly count: number;
  readonly data: unknown;
  /** BYTES only: whether the strings are base64 of the elements, rather than their text. */
  readonly base64: boolean;
  /** Strings in the JSON of inputs before this one. */
  readonly stringsBefore: number;
  /** Name of the field that holds the data, for messages. */
  readonly field: string;
}

/**
 * The values as a raw block. They are one flat list in row-major order, or lists in lists as the shape says.
 *
 * @throws HeadgateError invalid_tensor, naming the element
 */
export function blockOfJson(tensor: JsonTensor): Uint8Array {
  const { datatype, field } = tensor;
  if (datatype === 'FP16') {
    throw tensorError(field, 'expected no FP16 values in JSON; send them in binary, with binary_data_size');
  }
  const values = flat(tensor);
  if (datatype === 'BYTES') return bytesBlock(values, tensor);
  if (datatype === 'BOOL') return Uint8Array.from(values, (value, i) => booleanOf(value, i, field));
  return numbersBlock(values, datatype, field);
}

/** The elements in row-major order. */
function flat({ data, shape, count, field }: JsonTensor): readonly unknown[] {
  // NumPy writes a scalar as its value alone.
  if (shape.length === 0 && data !== undefined && !Array.isArray(data)) return [data];
  if (!Array.isArray(data)) throw tensorError(field, 'expected a list of values');
  if (!Array.isArray(data[0])) return sized(data, count, field);
  if (shape.length < 2) throw tensorError(field, 'expected a flat list, as the shape says');
  const elements: unknown[] = [];
  const descend = (list: unknown, depth: number, at: string) => {
    const entries = sized(list, shape[depth] as number, at);
    const isLast = depth === shape.length - 1;
    for (const [i, entry] of entries.entries()) {
      if (isLast) elements.push(entry);
      else descend(entry, depth + 1, `${at}[${i}]`);
    }
  };
  descend(data, 0, field);
  return elements;
}

function sized(list: unknown, size: number, at: string): readonly unknown[] {
  if (!Array.isArray(list)) throw tensorError(at, `expected a list of ${size}, as the shape says`);
  if (list.length === size) return list;
  throw tensorError(at, `expected ${size} entries as the shape says, not ${list.length}`);
}

function numbersBlock(values: readonly unknown[], datatype: NumberType, field: string): Uint8Array {
  const { range, write } = NUMBERS[datatype];
  const size = ELEMENT_BYTES[datatype];
  const view = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((value, i) => {
    if (typeof value !== 'number') throw wrongElement(field, i, 'a number');
    if (range ? !isWhole(value, range) : !isFiniteAs(datatype, value)) {
      throw wrongElement(field, i, NUMBER_OF[datatype] ?? `a number that ${datatype} can hold`);
    }
    write(view, i * size, value);
  });
  return new Uint8Array(view.buffer);
}

const isWhole = (value: number, [min, max]: readonly [number, number]): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

const isFiniteAs = (datatype: NumberType, value: number): boolean =>
  Number.isFinite(datatype === 'FP32' ? Math.fround(value) : value);

const BEYOND = 'a whole number up to 2^53 - 1; larger ones are exact only in binary, with binary_data_size';
const NUMBER_OF: Partial<Record<NumberType, string>> = { INT64: BEYOND, UINT64: BEYOND };

function booleanOf(value: unknown, index: number, field: string): 0 | 1 {
  if (typeof value !== 'boolean') throw wrongElement(field, index, 'true or false');
  return value ? 1 : 0;
}

/**
 * Most strings in all inputs of a request together. Each costs as much as a hundred numbers, however short it is: a
 * million of them, two seconds.
 */
const MAX_STRINGS = 100_000;

const encoder = new TextEncoder();

function bytesBlock(values: readonly unknown[], tensor: JsonTensor): Uint8Array {
  if (tensor.stringsBefore + values.length > MAX_STRINGS) {
    const detail = `expected at most ${MAX_STRINGS} strings in a request; send more in binary, with binary_data_size`;
    throw tensorError(tensor.field, detail);
  }
  return encodeBytesTensor(values.map((value, i) => bytesOf(value, i, tensor)));
}

function bytesOf(value: unknown, index: number, { base64, field }: JsonTensor): Uint8Array {
  if (typeof value !== 'string') throw wrongElement(field, index, 'a string');
  if (base64) return fromBase64(value, index, field);
  // A lone surrogate has no UTF-8: it would be replaced silently.
  if (!value.isWellFormed()) throw wrongElement(field, index, 'text that UTF-8 can hold');
  return encoder.encode(value);
}

function fromBase64(text: string, index: number, field: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw wrongElement(field, index, 'base64, as content_type says');
  }
  const bytes = new Uint8Array(binary.length);
  // A loop: Uint8Array.from takes twenty times as long.
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function wrongElement(field: string, index: number, expected: string) {
  return tensorError(field, `element ${index}: expected ${expected}`);
}
