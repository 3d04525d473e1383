import { describe, expect, it } from 'vitest';
import { ELEMENT, encodeModel } from '../testing/onnx-writer.ts';
import { bytesField as field, nestedGroups, varint, varintField } from '../testing/protobuf.ts';
import { checkExternalData, externalData } from './onnx-files.ts';

const text = (key: string, value: string) => Buffer.concat([field(1, key), field(2, value)]);
const entry = (key: string, value: string) => field(13, text(key, value));
const tensor = entry('location', 'hidden');
const inGraph = (content: Uint8Array) => field(7, content);
const inNode = (attribute: Uint8Array) => inGraph(field(1, field(5, attribute)));
/** A field whose tag and length are written as given, as no library would. */
const raw = (tag: Buffer, content: Uint8Array, length = varint(content.byteLength)) =>
  Buffer.concat([tag, length, content]);
const tagOf = (number: number) => number * 8 + 2;
/** The same number, one byte longer than need be. */
const padded = (value: number) => {
  const bytes = varint(value);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) | 0x80;
  return Buffer.concat([bytes, Buffer.of(0)]);
};

describe('externalData', () => {
  it.each<[string, Uint8Array]>([
    ['an initializer', inGraph(field(5, tensor))],
    ['a sparse initializer', inGraph(field(15, field(1, tensor)))],
    ['the indices of a sparse initializer', inGraph(field(15, field(2, tensor)))],
    ['an attribute', inNode(field(5, tensor))],
    ['a list of attributes', inNode(field(10, tensor))],
    ['a sparse attribute', inNode(field(22, field(1, tensor)))],
    ['a list of sparse attributes', inNode(field(23, field(2, tensor)))],
    ['a graph within a node', inNode(field(6, field(5, tensor)))],
    ['a list of graphs within a node', inNode(field(11, field(15, field(1, tensor))))],
    ['a function', field(25, field(7, field(5, field(5, tensor))))],
    ['a default of a function', field(25, field(11, field(5, tensor)))],
    ['a graph for training', field(20, field(1, field(5, tensor)))],
    ['the algorithm of training', field(20, field(2, field(5, tensor)))],
    [
      'a second graph, which a reader merges',
      Buffer.concat([inGraph(field(2, 'g')), inGraph(field(5, tensor))]),
    ],
    [
      'a tensor that says its data is not external',
      inGraph(field(5, Buffer.concat([tensor, varintField(14, 0)]))),
    ],
    ['a tensor after an unknown field', inGraph(Buffer.concat([field(9999, 'x'), field(5, tensor)]))],
  ])('finds it in %s', (_, model) => {
    expect(externalData(model, 'crafted.onnx')).toEqual([[['location', 'hidden']]]);
  });

  it('finds none where there is none', () => {
    const x = { name: 'x', element: ELEMENT.FP32, shape: [4] };
    const model = encodeModel({ nodes: [], inputs: [x], outputs: [x], constants: [] });
    expect(externalData(model, 'crafted.onnx')).toEqual([]);
  });

  it.each<[string, Uint8Array]>([
    ['text', Buffer.from('this is no model')],
    ['a model that was cut short', inGraph(field(5, tensor)).subarray(0, -3)],
    ['a length beyond the file', raw(varint(tagOf(7)), Buffer.of(), varint(2 ** 31 - 1))],
    ['a length of more than 31 bits', raw(varint(tagOf(7)), Buffer.of(), varint(2 ** 32))],
    ['a number without an end', Buffer.alloc(30, 0xff)],
    ['a value without an end', Buffer.concat([varint(8), Buffer.alloc(11, 0xff)])],
    [
      'a tag of more than 32 bits, of which the runtime drops the rest',
      raw(varint(2 ** 32 + tagOf(7)), tensor),
    ],
    ['a tag of 64 bits', raw(varint(2n ** 63n + BigInt(tagOf(7))), tensor)],
    ['a tag that is longer than need be', raw(padded(tagOf(7)), tensor)],
    ['a length that is longer than need be', raw(varint(tagOf(7)), tensor, padded(tensor.byteLength))],
    ['field 0', raw(varint(2), tensor)],
    ['a group', nestedGroups(7, 1)],
    ['the end of a group', Buffer.of(7 * 8 + 4)],
    ['wire type 6', Buffer.of(7 * 8 + 6)],
    ['wire type 7', Buffer.of(7 * 8 + 7)],
    ['graphs within graphs without end', graphsWithin(60)],
    ['a hidden entry', inGraph(field(5, raw(varint(2 ** 32 + tagOf(13)), text('location', 'hidden'))))],
    [
      'a key twice in an entry',
      inGraph(field(5, field(13, Buffer.concat([field(1, 'x'), text('location', 'a')])))),
    ],
    ['a number as key of an entry', inGraph(field(5, field(13, varintField(1, 5))))],
    ['a location that is not UTF-8', inGraph(field(5, field(13, field(2, Buffer.of(0xff)))))],
    ['a location of 5,000 bytes', inGraph(field(5, entry('location', 'x'.repeat(5000))))],
    ['a flatbuffer, the format of ONNX Runtime', Buffer.from('2400000042524f5400001e00', 'hex')],
  ])('refuses %s', (_, model) => {
    expect(() => externalData(model, 'crafted.onnx')).toThrow('crafted.onnx is not a readable ONNX file');
  });
});

describe('checkExternalData', () => {
  const manifest = {
    file: {
      path: 'crafted.onnx',
      sha256: '',
      bytes: 1,
      external_data: [{ path: 'listed', sha256: '', bytes: 100 }],
    },
  };
  const check = (...entries: Uint8Array[]) =>
    checkExternalData(inGraph(field(5, Buffer.concat(entries))), manifest);

  it('takes a listed file, in any order of the keys', () => {
    check(entry('location', 'listed'));
    check(entry('length', '60'), entry('offset', '40'), entry('location', 'listed'));
  });

  it.each<[string, Uint8Array[], RegExp]>([
    ['a location twice', [entry('location', 'listed'), entry('location', 'listed')], /each key once/],
    [
      'an offset twice',
      [entry('location', 'listed'), entry('offset', '0'), entry('offset', '0')],
      /each key once/,
    ],
    ['no location', [entry('offset', '0')], /needs one location/],
    ['an entry without fields', [field(13, '')], /needs one location/],
    ['a key in capitals', [entry('LOCATION', 'listed')], /needs one location/],
    [
      'bytes behind the end',
      [entry('location', 'listed'), entry('offset', '41'), entry('length', '60')],
      /bytes that/,
    ],
    ['an offset that is no number', [entry('location', 'listed'), entry('offset', '0x1')], /bytes that/],
    [
      'an offset beyond all numbers',
      [entry('location', 'listed'), entry('offset', '9'.repeat(30))],
      /bytes that/,
    ],
  ])('refuses %s', (_, entries, message) => {
    expect(() => check(...entries)).toThrow(message);
  });
});

/** A model whose graph has a node with an attribute with a graph, and so on. */
function graphsWithin(depth: number): Buffer {
  let graph: Buffer = Buffer.alloc(0);
  for (let i = 0; i < depth; i += 1) graph = field(1, field(5, field(6, graph)));
  return inGraph(graph);
}
