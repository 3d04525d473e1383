/**
 * Protobuf by hand: fields as they lie on the wire, also those that no library would write. Field numbers are those
 * of protos/inference/grpc_service.proto.
 */

/** Numbers of ModelInferRequest and of its InferInputTensor. */
export const REQUEST = {
  modelName: 1,
  id: 3,
  parameters: 4,
  inputs: 5,
  outputs: 6,
  rawInputContents: 7,
} as const;
export const INPUT = { name: 1, datatype: 2, shape: 3, parameters: 4, contents: 5 } as const;

const WIRE = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4 } as const;

/** A whole number of up to 64 bits; a negative one takes ten bytes, as int64 has it. */
export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const more = rest > 0x7fn;
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const tag = (field: number, wire: number) => varint(field * 8 + wire);

export function varintField(field: number, value: number | bigint): Buffer {
  return Buffer.concat([tag(field, WIRE.varint), varint(value)]);
}

/** Text, bytes, a message, or packed numbers. @param claimed length to write instead of the true one */
export function bytesField(field: number, content: string | Uint8Array, claimed?: number): Buffer {
  const bytes = Buffer.from(content as Uint8Array);
  return Buffer.concat([tag(field, WIRE.bytes), varint(claimed ?? bytes.length), bytes]);
}

/** The outdated kind of nesting, which readers skip one level after the other. */
export function nestedGroups(field: number, depth: number): Buffer {
  const start = tag(field, WIRE.startGroup);
  const end = tag(field, WIRE.endGroup);
  return Buffer.concat([...Array(depth).fill(start), ...Array(depth).fill(end)]);
}

/** Messages in messages, all in the same field. */
export function nestedMessages(field: number, depth: number): Buffer {
  let message: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level += 1) message = bytesField(field, message);
  return message;
}
