/**
 * Writes small ONNX graphs as protobuf, by hand: tests that need a model of a given size, or one that no exporter
 * would write, do not need Python. Field numbers are those of onnx.proto.
 */

import { bytesField as field, varintField as number, varint } from './protobuf.ts';

const OPSET = 17;
const IR_VERSION = 8;
/** TensorProto.DataType. */
export const ELEMENT = { FP32: 1, INT64: 7 } as const;
type Element = (typeof ELEMENT)[keyof typeof ELEMENT];

/** -1 is the batch. */
interface ValueInfo {
  readonly name: string;
  readonly element: Element;
  readonly shape: readonly number[];
}

interface Node {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A constant whose values lie in another file. */
interface ExternalTensor {
  readonly name: string;
  readonly element: Element;
  readonly shape: readonly number[];
  readonly location: string;
  readonly offset: number;
  readonly bytes: number;
  /** Added to the tag of each entry that names the file: a reader may drop what has more than 32 bits. */
  readonly tagBeyond?: bigint;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly constants: readonly ExternalTensor[];
}

/** The bytes of a model file. */
export function encodeModel({ nodes, inputs, outputs, constants }: Graph): Buffer {
  const graph = [
    ...nodes.map((node) => field(1, nodeOf(node))),
    field(2, 'test'),
    ...constants.map((tensor) => field(5, tensorOf(tensor))),
    ...inputs.map((value) => field(11, infoOf(value))),
    ...outputs.map((value) => field(12, infoOf(value))),
  ];
  const opset = Buffer.concat([field(1, ''), number(2, OPSET)]);
  return Buffer.concat([number(1, IR_VERSION), field(7, Buffer.concat(graph)), field(8, opset)]);
}

function nodeOf({ operator, inputs, outputs }: Node): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, operator),
  ]);
}

function tensorOf({ name, element, shape, tagBeyond = 0n, ...external }: ExternalTensor): Buffer {
  const { location, offset, bytes } = external;
  const entry = (key: string, value: string) => {
    const content = Buffer.concat([field(1, key), field(2, value)]);
    return Buffer.concat([varint(BigInt(13 * 8 + 2) + tagBeyond), varint(content.byteLength), content]);
  };
  return Buffer.concat([
    ...shape.map((side) => number(1, side)),
    number(2, element),
    field(8, name),
    entry('location', location),
    entry('offset', String(offset)),
    entry('length', String(bytes)),
    // data_location: EXTERNAL
    number(14, 1),
  ]);
}

function infoOf({ name, element, shape }: ValueInfo): Buffer {
  const dims = shape.map((side) => field(1, side === -1 ? field(2, 'batch') : number(1, side)));
  const tensorType = Buffer.concat([number(1, element), field(2, Buffer.concat(dims))]);
  return Buffer.concat([field(1, name), field(2, field(1, tensorType))]);
}
