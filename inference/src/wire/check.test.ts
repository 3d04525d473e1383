import { HeadgateError } from '@headgate/contracts/errors';
import {
  inferencePackageDefinition,
  loadInference,
  type MessageTypeDefinition,
} from '@headgate/runtime/proto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesField, INPUT, nestedGroups, REQUEST, varint, varintField } from '../testing/protobuf.ts';
import { checkWire } from './check.ts';
import { wireMessageOf } from './schema.ts';

const { requestType, requestSerialize } = loadInference().GRPCInferenceService.service
  .ModelInfer as unknown as {
  requestType: MessageTypeDefinition<object, object>;
  requestSerialize: (request: object) => Buffer;
};
const MESSAGE = wireMessageOf(requestType, inferencePackageDefinition());
const LIMITS = { message_fields: 100, message_numbers: 50 };

/** What is wrong with the bytes; undefined when nothing is. */
function problemOf(...parts: Buffer[]): string | undefined {
  try {
    checkWire(Buffer.concat(parts), MESSAGE, LIMITS);
    return undefined;
  } catch (error) {
    if (!(error instanceof HeadgateError)) throw error;
    expect(error.reason).toBe('invalid_request');
    return error.detail;
  }
}

const input = (...fields: Buffer[]) => bytesField(REQUEST.inputs, Buffer.concat(fields));
const contents = (field: number, block: Buffer) =>
  input(bytesField(INPUT.contents, bytesField(field, block)));

describe('checkWire', () => {
  it('lets everything through that the library writes', () => {
    const tensor = fc.record({
      name: fc.string({ unit: 'grapheme' }),
      datatype: fc.string(),
      shape: fc.array(fc.maxSafeInteger(), { maxLength: 4 }),
      parameters: fc.dictionary(fc.string(), fc.record({ int64_param: fc.maxSafeInteger() }), { maxKeys: 2 }),
      contents: fc.record({
        bool_contents: fc.array(fc.boolean(), { maxLength: 3 }),
        int_contents: fc.array(fc.integer(), { maxLength: 3 }),
        fp32_contents: fc.array(fc.float(), { maxLength: 3 }),
        fp64_contents: fc.array(fc.double(), { maxLength: 3 }),
        bytes_contents: fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 3 }),
      }),
    });
    const request = fc.record({
      model_name: fc.string({ unit: 'grapheme' }),
      id: fc.string(),
      inputs: fc.array(tensor, { maxLength: 2 }),
      outputs: fc.array(fc.record({ name: fc.string() }), { maxLength: 2 }),
      raw_input_contents: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(request, (sent) => {
        expect(problemOf(requestSerialize(sent))).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('passes whatever bytes come, or says what is wrong with them, and nothing else', () => {
    const whole = requestSerialize({ model_name: 'm', inputs: [{ name: 'x', shape: [1, 2] }], id: 'i' });
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), damage), (one) => {
        const bytes = one instanceof Uint8Array ? Buffer.from(one) : Buffer.from(whole);
        if (!(one instanceof Uint8Array)) for (const [at, value] of one) bytes[at] = value;
        problemOf(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  it('skips fields that it does not know', () => {
    expect(
      problemOf(varintField(1000, 5), bytesField(1001, 'abc'), bytesField(REQUEST.id, 'i')),
    ).toBeUndefined();
  });

  it.each([
    ['a length beyond the end', [bytesField(REQUEST.modelName, 'abc', 2 ** 31)], 'model_name: expected at most the 3 bytes that are left, not 2147483648.'],
    ['a length beyond the message around it', [input(bytesField(INPUT.name, 'x', 9)), bytesField(REQUEST.id, 'long enough')], 'inputs[0].name: expected at most the 1 bytes that are left, not 9.'],
    ['a length that ends nowhere', [Buffer.concat([varint(REQUEST.id * 8 + 2), Buffer.alloc(11, 0xff)])], 'id: expected protobuf, and found no number before byte 11.'],
    ['text that is not UTF-8', [input(bytesField(INPUT.name, 'x')), input(bytesField(INPUT.datatype, Buffer.of(0xc3, 0x28)))], 'inputs[1].datatype: expected UTF-8.'],
    ['a number where text belongs', [varintField(REQUEST.modelName, 1)], 'model_name: expected another wire type than 0.'],
    ['groups in groups', [nestedGroups(1000, 50)], 'message: expected protobuf, and found wire type 3 at byte 2.'],
    ['too many fields', [Buffer.concat(Array(101).fill(bytesField(REQUEST.rawInputContents, '')))], 'raw_input_contents: expected at most 100 fields in a message.'],
    ['too many fields in fields', [input(Buffer.concat(Array(100).fill(bytesField(INPUT.parameters, ''))))], 'inputs[0].parameters[99]: expected at most 100 fields in a message.'],
    ['too many numbers', [contents(2, Buffer.alloc(51, 1))], 'inputs[0].contents.int_contents: expected at most 50 numbers in a message; send large tensors in raw_input_contents.'],
    ['too many floats', [contents(6, Buffer.alloc(51 * 4))], 'inputs[0].contents.fp32_contents: expected at most 50 numbers in a message; send large tensors in raw_input_contents.'],
    ['a shape of too many sides', [input(bytesField(INPUT.shape, Buffer.alloc(51, 1)))], 'inputs[0].shape: expected at most 50 numbers in a message.'],
    ['a cut float', [contents(6, Buffer.alloc(6))], 'inputs[0].contents.fp32_contents: expected whole numbers.'],
    ['a cut whole number', [contents(2, Buffer.of(1, 0x80))], 'inputs[0].contents.int_contents: expected whole numbers.'],
  ])('refuses %s', (_, parts, words) => {
    expect(problemOf(...parts)).toBe(words);
  }); // biome-ignore format: one line a case reads as a table
});
