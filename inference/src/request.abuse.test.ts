import type { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readImageRequest } from './request.ts';

const EXPECTED = { name: 'image', maxBatchSize: 8 };

function requestOf(shape: number[], block: Uint8Array): ModelInferRequest__Output {
  return {
    model_name: 'm',
    model_version: '',
    id: '',
    parameters: {},
    inputs: [{ name: 'image', datatype: 'BYTES', shape, parameters: {}, contents: null }],
    outputs: [],
    raw_input_contents: [Buffer.from(block)],
  };
}

const images = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 8 });

describe('readImageRequest', () => {
  it('gives back every image as it was sent, as a view on the message', () => {
    fc.assert(
      fc.property(images, (sent) => {
        const request = requestOf([sent.length], encodeBytesTensor(sent));
        const { images: read, outputs } = readImageRequest(request, EXPECTED);
        expect(read.map((image) => [...image])).toEqual(sent.map((image) => [...image]));
        expect(outputs).toEqual(['label', 'score', 'class_id']);
        expect(read[0]?.buffer).toBe(request.raw_input_contents[0]?.buffer);
      }),
    );
  });

  it.each([[[2]], [[2, 1]]])('takes a list of images for what it is in the shape %j', (shape) => {
    const sent = [Buffer.from('a'), Buffer.from('b')];
    expect(readImageRequest(requestOf(shape, encodeBytesTensor(sent)), EXPECTED).images).toHaveLength(2);
  });

  it.each([[[]], [[1, 2]], [[2, 0]], [[1, 1, 1]], [[0, 1]], [[-1, 1]], [[1.5, 1]]])(
    'refuses the shape %j, which is none of a list of images',
    (shape) => {
      const request = requestOf(shape, encodeBytesTensor([Buffer.from('a')]));
      expect(() => readImageRequest(request, EXPECTED)).toThrow(/inputs\[0\]\.shape|raw_input_contents/);
    },
  );

  it('answers any bytes and any shape with images or invalid_tensor, never anything else', () => {
    const shape = fc.array(fc.integer(), { maxLength: 4 });
    fc.assert(
      fc.property(
        fc.oneof(shape, fc.constant([1])),
        fc.uint8Array({ maxLength: 64 }),
        (dimensions, block) => {
          try {
            const { images: read } = readImageRequest(requestOf([...dimensions], block), EXPECTED);
            expect(read).toHaveLength(dimensions[0] as number);
          } catch (error) {
            expect((error as HeadgateError).reason).toBe('invalid_tensor');
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is not led astray by lengths that lie', () => {
    const [image] = [Buffer.from('abc')];
    const block = Buffer.from(encodeBytesTensor([image]));
    for (const length of [0, 2, 4, 0x7fffffff, 0xffffffff]) {
      block.writeUInt32LE(length, 0);
      expect(() => readImageRequest(requestOf([1], block), EXPECTED)).toThrow(
        /raw_input_contents\[0\]|element 0/,
      );
    }
  });
});
