import { describe, expect, it } from 'vitest';
import { constantTimeEqual, memoryKeyStore, sha256 } from './key-store.ts';

const record = (id: string, sha = '0f'.repeat(32)) =>
  ({ id, sha256: sha, name: 'n', role: 'client', tier: 'default' }) as const;

describe('the key records in memory', () => {
  it('are found by their id, with the digest as bytes', () => {
    const store = memoryKeyStore([record('aaaa'), record('bbbb', `ff${'00'.repeat(31)}`)]);
    expect(store.find('bbbb')?.digest).toEqual(Uint8Array.from([255, ...Array(31).fill(0)]));
    expect(store.find('cccc')).toBeUndefined();
    expect(store.find('__proto__')).toBeUndefined();
  });

  it('never share an id', () => {
    expect(() => memoryKeyStore([record('aaaa'), record('aaaa')])).toThrow('the id aaaa twice');
  });
});

describe('comparing digests', () => {
  it('finds a difference wherever it is', () => {
    const digest = Uint8Array.from({ length: 32 }, (_, i) => i);
    expect(constantTimeEqual(digest, digest.slice())).toBe(true);
    for (let i = 0; i < 32; i++) {
      const other = digest.slice();
      other[i] = (other[i] as number) ^ 0x80;
      expect(constantTimeEqual(digest, other)).toBe(false);
    }
    expect(constantTimeEqual(digest, digest.subarray(0, 31))).toBe(false);
    expect(constantTimeEqual(new Uint8Array(0), digest)).toBe(false);
  });

  it('uses SHA-256', async () => {
    const hex = Array.from(await sha256('abc'), (byte) => byte.toString(16).padStart(2, '0')).join('');
    expect(hex).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
