import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hmacSha256 } from './keyed-hash.ts';

it('is the HMAC that Node makes, for keys and texts of any length', () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(key, fc.string({ unit: 'grapheme', maxLength: 300 }), (key, text) => {
      expect(hmacSha256(key, text)).toBe(createHmac('sha256', key).update(text).digest('hex'));
    }),
  );
});
