import type { Manifest, ModelFile } from '@headgate/contracts/manifest';
import { LoadError } from '../load-error.ts';

/**
 * Which files an ONNX model refers to: weights that do not lie in the model file are `external_data` of a tensor, and
 * their `location` is a path that the author of the model could choose.
 *
 * What two readers of protobuf could understand differently is refused: a tag or length that is not written in the
 * shortest way or has more than 32 bits, a group, a text that is not UTF-8, a field of an entry that occurs twice.
 */

type Message =
  | 'model'
  | 'training'
  | 'graph'
  | 'function'
  | 'node'
  | 'attribute'
  | 'sparse'
  | 'tensor'
  | 'entry';

/** Where messages of onnx.proto can hold tensors: field number → message. Everything else is skipped unread. */
const CHILDREN: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
  entry: {},
};
const ENTRY_FIELDS: Readonly<Record<number, 'key' | 'value'>> = { 1: 'key', 2: 'value' };
/** Longest key or value of an entry that is read, in bytes. */
const MAX_TEXT_BYTES = 4096;
/** Messages within messages; protobuf itself stops there. */
const MAX_DEPTH = 100;
const MAX_TAG = 2 ** 32 - 1;
const MAX_LENGTH = 2 ** 31 - 1;

/** `external_data` of one tensor: its keys and values, as they follow each other. */
export type ExternalData = readonly (readonly [key: string, value: string])[];

/**
 * Refuses a model that refers to a file which its manifest does not list: such a file would be read unverified, and
 * could be any file of this machine.
 *
 * @throws LoadError also when the bytes are no ONNX model, or not one that can be read in one way only
 */
export function checkExternalData(model: Uint8Array, { file }: Pick<Manifest, 'file'>): void {
  const listed = new Map(file.external_data.map((one) => [one.path, one]));
  for (const data of externalData(model, file.path)) checkReference(data, file.path, listed);
}

function checkReference(data: ExternalData, name: string, listed: ReadonlyMap<string, ModelFile>): void {
  const entries = new Map(data);
  const location = entries.get('location');
  if (location === undefined || entries.size !== data.length) {
    throw unreadable(name, 'a tensor with external data needs one location, and each key once');
  }
  // Nothing else is normalised: with a symbolic link in it, a/../b is not b.
  const target = listed.get(location.replace(/^\.\//, ''));
  if (!target) {
    throw new LoadError(
      `${name} refers to the file ${JSON.stringify(location)}, which file.external_data does not list`,
      { kind: 'digest' },
    );
  }
  const [offset, length] = ['offset', 'length'].map((key) => entries.get(key) ?? '0');
  const isNumber = [offset, length].every((text) => /^\d{1,15}$/.test(text as string));
  if (isNumber && Number(offset) + Number(length) <= target.bytes) return;
  throw new LoadError(`${name} refers to bytes that ${target.path} does not have`, { kind: 'model' });
}

/**
 * The external data of every tensor of a model. Reads what leads to it and skips the weights.
 *
 * @param name what the error calls the model
 * @throws LoadError as `checkExternalData`
 */
export function externalData(model: Uint8Array, name: string): readonly ExternalData[] {
  const found: ExternalData[] = [];
  try {
    walk(new Reader(model), { message: 'model', end: model.byteLength, depth: 0 }, found);
  } catch (cause) {
    if (cause instanceof RangeError) throw unreadable(name, cause.message, cause);
    throw cause;
  }
  return found;
}

interface Region {
  readonly message: Message;
  /** Offset of the first byte behind it. */
  readonly end: number;
  readonly depth: number;
}

function walk(reader: Reader, { message, end, depth }: Region, found: ExternalData[]): void {
  if (depth > MAX_DEPTH) throw new RangeError('too deep');
  const entries: (readonly [string, string])[] = [];
  while (reader.offset < end) {
    const tag = reader.shortest(MAX_TAG);
    const field = Math.floor(tag / 8);
    const size = sizeOf(tag % 8, reader);
    const next = reader.offset + size;
    if (field === 0 || next > end) throw new RangeError('a field ends beyond its message');
    const child = tag % 8 === 2 ? CHILDREN[message][field] : undefined;
    if (child === 'entry') entries.push(readEntry(reader, next));
    else if (child) walk(reader, { message: child, end: next, depth: depth + 1 }, found);
    reader.offset = next;
  }
  if (entries.length > 0) found.push(entries);
}

/** A field that is missing is empty. */
function readEntry(reader: Reader, end: number): readonly [string, string] {
  const entry = { key: '', value: '' };
  const seen = new Set<number>();
  while (reader.offset < end) {
    const tag = reader.shortest(MAX_TAG);
    const name = ENTRY_FIELDS[Math.floor(tag / 8)];
    const size = sizeOf(tag % 8, reader);
    if (!name || tag % 8 !== 2 || seen.has(tag)) throw new RangeError('an entry has a strange field');
    if (reader.offset + size > end) throw new RangeError('a field ends beyond its message');
    seen.add(tag);
    entry[name] = reader.text(size);
  }
  return [entry.key, entry.value];
}

/** Bytes of a field's content; a varint is consumed. */
function sizeOf(wireType: number, reader: Reader): number {
  switch (wireType) {
    case 0:
      reader.skipNumber();
      return 0;
    case 1:
      return 8;
    case 2:
      return reader.shortest(MAX_LENGTH);
    case 5:
      return 4;
    default:
      throw new RangeError(`wire type ${wireType}`);
  }
}

/** Reads on from `offset`. @throws RangeError at the end of the bytes, and for what is not written as it should be */
class Reader {
  offset = 0;
  readonly #bytes: Uint8Array;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A tag or a length. */
  shortest(max: number): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (value > max || (byte === 0 && shift > 0)) break;
      return value;
    }
    throw new RangeError('a tag or length that is too large, or longer than need be');
  }

  /** The value of a number that nobody asks for. */
  skipNumber(): void {
    for (let length = 1; length <= 10; length += 1) if (this.#byte() < 0x80) return;
    throw new RangeError('a number is too long');
  }

  text(size: number): string {
    if (size > MAX_TEXT_BYTES) throw new RangeError('a name is too long');
    const bytes = this.#bytes.subarray(this.offset, this.offset + size);
    this.offset += size;
    try {
      return this.#utf8.decode(bytes);
    } catch {
      throw new RangeError('a name is not UTF-8');
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined) throw new RangeError('it ends too early');
    this.offset += 1;
    return byte;
  }
}

function unreadable(name: string, problem: string, cause?: unknown): LoadError {
  return new LoadError(`${name} is not a readable ONNX file (${problem})`, { kind: 'model', cause });
}
