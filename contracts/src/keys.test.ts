import { describe, expect, it } from 'vitest';
import { keyFileSchema, keyIdOf } from './keys.ts';

const record = { id: 'alice', sha256: 'a'.repeat(64), name: 'Alice', role: 'client', tier: 'default' };

describe('keyIdOf', () => {
  it('finds the id of a key', () => {
    expect(keyIdOf(`hg_alice_${'A1-_'.repeat(8)}`)).toBe('alice');
  });

  it.each([
    '',
    'hg_alice_',
    `hg_alice_${'a'.repeat(31)}`,
    `hg_alice_${'a'.repeat(129)}`,
    `hg_ALICE_${'a'.repeat(32)}`,
    `xx_alice_${'a'.repeat(32)}`,
    `hg_alice_${'a'.repeat(32)}\n`,
    `hg_a_${'a'.repeat(32)}`,
  ])('takes %j for no key', (text) => {
    expect(keyIdOf(text)).toBeUndefined();
  });
});

describe('keyFileSchema', () => {
  it('accepts records, and gives a record without a tier the default one', () => {
    const { tier: _, ...withoutTier } = record;
    expect(keyFileSchema.parse({ keys: [withoutTier] }).keys).toEqual([record]);
  });

  it.each([
    ['a plain key', { ...record, key: 'hg_alice_x' }],
    ['a digest that is none', { ...record, sha256: 'a'.repeat(63) }],
    ['an unknown role', { ...record, role: 'root' }],
    ['an id that no key can have', { ...record, id: 'a_b' }],
  ])('refuses a record with %s', (_, bad) => {
    expect(keyFileSchema.safeParse({ keys: [bad] }).success).toBe(false);
  });
});
