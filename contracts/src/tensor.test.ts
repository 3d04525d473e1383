import { array, assert, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBytesTensor, encodeBytesTensor } from './tensor.ts';

describe('BYTES tensors', () => {
  it('come back as they went in, whatever they hold', () => {
    assert(
      property(array(uint8Array({ maxLength: 100 }), { maxLength: 20 }), (elements) => {
        const back = decodeBytesTensor(encodeBytesTensor(elements), elements.length);
        expect(back.map((element) => [...element])).toEqual(elements.map((element) => [...element]));
      }),
    );
  });

  it('are laid out as the protocol says: length little-endian, then the bytes', () => {
    expect([...encodeBytesTensor([Uint8Array.of(7, 8), Uint8Array.of()])]).toEqual([
      2, 0, 0, 0, 7, 8, 0, 0, 0, 0,
    ]);
  });

  it('are read where they lie, also inside a larger buffer', () => {
    const message = Uint8Array.of(99, 1, 0, 0, 0, 42, 99);
    const [element] = decodeBytesTensor(message.subarray(1, 6), 1);
    expect([...(element ?? [])]).toEqual([42]);
    expect(element?.buffer).toBe(message.buffer);
  });

  it.each([
    ['too few elements', [1, 0, 0, 0, 7], 2],
    ['too many elements', [0, 0, 0, 0, 0, 0, 0, 0], 1],
    ['any element where none is promised', [0, 0, 0, 0], 0],
    ['an end inside a length', [1, 0, 0], 1],
    ['an end inside an element', [2, 0, 0, 0, 7], 1],
    ['a length near 2^32', [0xff, 0xff, 0xff, 0xff, 7], 1],
  ])('are refused with %s', (_, bytes, count) => {
    expect(() => decodeBytesTensor(Uint8Array.from(bytes), count)).toThrow(RangeError);
  });

  it('are read or refused, never misread, when their bytes are arbitrary', () => {
    assert(
      property(uint8Array({ maxLength: 64 }), (block) => {
        for (const count of [0, 1, 2, 5]) {
          try {
            const elements = decodeBytesTensor(block, count);
            expect(encodeBytesTensor(elements)).toEqual(block);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        }
      }),
    );
  });
});
