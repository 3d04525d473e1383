import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NUMBERS } from './tensor-numbers.ts';

describe('64-bit numbers in a raw block', () => {
  it('are written as a BigInt would be, up to 2^53 - 1', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1, 2 ** 32, -(2 ** 32))), (value) => {
        const view = new DataView(new ArrayBuffer(8));
        NUMBERS.INT64.write(view, 0, value);
        expect(view.getBigInt64(0, true)).toBe(BigInt(value));
        NUMBERS.UINT64.write(view, 0, Math.abs(value));
        expect(view.getBigUint64(0, true)).toBe(BigInt(Math.abs(value)));
      }),
    );
  });

  it('are worded with all their digits, whatever they are', () => {
    const edges = [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
    const bits = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(...edges));
    fc.assert(
      fc.property(bits, (value) => {
        const view = new DataView(new ArrayBuffer(8));
        view.setBigUint64(0, value, true);
        expect(NUMBERS.UINT64.text(view, 0)).toBe(String(value));
        expect(NUMBERS.INT64.text(view, 0)).toBe(String(BigInt.asIntN(64, value)));
      }),
    );
  });
});

describe('real numbers in a raw block', () => {
  it('keep the sign of zero', () => {
    const view = new DataView(new ArrayBuffer(8));
    NUMBERS.FP64.write(view, 0, -0);
    expect(NUMBERS.FP64.text(view, 0)).toBe('-0.0');
    NUMBERS.FP32.write(view, 0, -0);
    expect(NUMBERS.FP32.text(view, 0)).toBe('-0.0');
  });
});
