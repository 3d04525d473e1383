import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Manifest } from '@headgate/contracts/manifest';
import { LoadError } from '../load-error.ts';

/**
 * Which files an ONNX model refers to: weights that do not lie in the model file are `external_data` of a tensor, and
 * their `location` is a path that the author of the model could choose.
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
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;
/** Longest key or value of an entry that is read, in bytes. */
const MAX_TEXT_BYTES = 4096;
/** Messages within messages; protobuf itself stops there. */
const MAX_DEPTH = 100;

/**
 * Refuses a model that refers to a file which its manifest does not list: such a file would be read unverified, and
 * could be any file of this machine.
 *
 * @throws LoadError also when the file is no ONNX model
 */
export function checkExternalData(path: string, { file }: Pick<Manifest, 'file'>): void {
  const listed = new Set(file.external_data.map((one) => one.path));
  for (const location of externalLocations(path, file.path)) {
    // Nothing else is normalised: with a symbolic link in it, a/../b is not b.
    if (listed.has(location.replace(/^\.\//, ''))) continue;
    throw new LoadError(
      `${file.path} refers to the file ${JSON.stringify(location)}, which file.external_data does not list`,
      { kind: 'digest' },
    );
  }
}

/**
 * Every `location` in an ONNX file. Reads what leads to them and skips the weights, so that time and memory do not
 * grow with the size of the model. Blocks the thread meanwhile: for engines that load.
 *
 * @param name what the error calls the file
 * @throws LoadError when the file is no ONNX model
 */
export function externalLocations(path: string, name: string): ReadonlySet<string> {
  const file = openSync(path, 'r');
  try {
    const found = new Set<string>();
    walk(new FileReader(file), { message: 'model', end: fstatSync(file).size, depth: 0 }, found);
    return found;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new LoadError(`${name} is not a readable ONNX file (${cause.message})`, { kind: 'model', cause });
  } finally {
    closeSync(file);
  }
}

interface Region {
  readonly message: Message;
  /** Offset of the first byte behind it. */
  readonly end: number;
  readonly depth: number;
}

function walk(reader: FileReader, { message, end, depth }: Region, found: Set<string>): void {
  if (depth > MAX_DEPTH) throw new RangeError('too deep');
  const entry = { isLocation: false, values: [] as string[] };
  while (reader.offset < end) {
    const tag = reader.varint();
    const field = Math.floor(tag / 8);
    const size = sizeOf(tag % 8, reader);
    if (field === 0 || reader.offset + size > end) throw new RangeError('a field ends beyond its message');
    const next = reader.offset + size;
    const child = tag % 8 === 2 ? CHILDREN[message][field] : undefined;
    if (child) walk(reader, { message: child, end: next, depth: depth + 1 }, found);
    else if (message === 'entry' && field === ENTRY_KEY)
      entry.isLocation ||= reader.text(size) === 'location';
    else if (message === 'entry' && field === ENTRY_VALUE) entry.values.push(reader.text(size));
    reader.offset = next;
  }
  if (entry.isLocation) for (const value of entry.values) found.add(value);
}

/** Bytes of a field's content; a varint is consumed. */
function sizeOf(wireType: number, reader: FileReader): number {
  switch (wireType) {
    case 0:
      reader.varint();
      return 0;
    case 1:
      return 8;
    case 2:
      return reader.varint();
    case 5:
      return 4;
    default:
      throw new RangeError(`wire type ${wireType}`);
  }
}

/** Reads here and there in a file, with a window of 64 KiB in memory. */
class FileReader {
  offset = 0;
  readonly #file: number;
  readonly #window = Buffer.alloc(2 ** 16);
  #start = 0;
  #length = 0;

  constructor(file: number) {
    this.#file = file;
  }

  /** @throws RangeError at the end of the file, and for numbers that no length or tag can be */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number is too long');
  }

  text(size: number): string {
    if (size > MAX_TEXT_BYTES) throw new RangeError('a name is too long');
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i += 1) bytes[i] = this.#byte();
    return bytes.toString('utf8');
  }

  #byte(): number {
    if (!this.#has(this.offset)) throw new RangeError('it ends too early');
    const byte = this.#window[this.offset - this.#start] as number;
    this.offset += 1;
    return byte;
  }

  #has(offset: number): boolean {
    if (offset >= this.#start && offset < this.#start + this.#length) return true;
    this.#start = offset;
    this.#length = readSync(this.#file, this.#window, 0, this.#window.length, offset);
    return this.#length > 0;
  }
}
