import { describe, expect, it } from 'vitest';
import { murmur3 } from './murmur3.ts';

const SEED = 0x9747b28c;

describe('murmur3', () => {
  // Vectors published with several implementations (smhasher, Wikipedia, Guava).
  it.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['a', SEED, 0x7fa09ea6],
    ['aa', SEED, 0x5d211726],
    ['aaa', SEED, 0x283e0130],
    ['aaaa', SEED, 0x5a97808a],
    ['abc', SEED, 0xc84a62dd],
    ['test', 0, 0xba6bd213],
    ['test', SEED, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43],
    ['Hello, world!', SEED, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
    ['The quick brown fox jumps over the lazy dog', SEED, 0x2fa826cd],
  ])('hashes %j with seed %i as published', (text, seed, hash) => {
    expect(murmur3(new TextEncoder().encode(text), seed)).toBe(hash);
  });

  it('treats bytes as unsigned', () => {
    expect(murmur3(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toBe(0x76293b50);
    expect(murmur3(Uint8Array.of(0x21, 0x43, 0x65, 0x87), 0x5082edee)).toBe(0x2362f9de);
    expect(murmur3(Uint8Array.of(0x21, 0x43, 0x65))).toBe(0x7e4a8634);
  });
});
