import { createHmac } from 'node:crypto';

/** Characters of a keyed hash: 128 bits. */
const HASH_LENGTH = 32;

/**
 * The name under which records and captured images have a unit or a tenant. The purpose is part of the hash, so that a
 * unit that is named like a key does not look like it.
 */
export function keyedHash(key: Uint8Array, purpose: 'tenant' | 'unit' | 'capture', value: string): string {
  return createHmac('sha256', key).update(`${purpose}\n${value}`).digest('hex').slice(0, HASH_LENGTH);
}

/** Bytes that a key has at least. */
export const HASH_KEY_BYTES = 32;

const HASH_KEY = new RegExp(`^[0-9a-f]{${2 * HASH_KEY_BYTES},}$`, 'i');

/** The key in the text of its file; undefined when it holds none: hashes by a damaged key would name nobody. */
export function parseHashKey(text: string): Uint8Array | undefined {
  const hex = text.trim();
  return HASH_KEY.test(hex) ? Buffer.from(hex, 'hex') : undefined;
}
