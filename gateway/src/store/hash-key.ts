import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { HASH_KEY_BYTES, parseHashKey } from '@headgate/runtime/keyed-hash';

/** The key file is there, and does not hold a key. */
export class HashKeyError extends Error {
  override readonly name = 'HashKeyError';
}

/**
 * The key behind the hashes of units and tenants, as hex in a file; made at the first start. Gateways that write into
 * the same store share it. Destroying it makes the records anonymous.
 */
export function readHashKey(path: string): Uint8Array {
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(path, `${randomBytes(HASH_KEY_BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch {
    // It exists, or is mounted read-only: reading it shows.
  }
  const key = parseHashKey(readFileSync(path, 'utf8'));
  if (key) return key;
  throw new HashKeyError(`${path} must hold at least ${2 * HASH_KEY_BYTES} hexadecimal digits`);
}
