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
