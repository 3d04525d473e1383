import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const KEY_BYTES = 32;

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
    writeFileSync(path, `${randomBytes(KEY_BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch {
    // It exists, or is mounted read-only: reading it shows.
  }
  const hex = readFileSync(path, 'utf8').trim();
  if (/^[0-9a-f]{64,}$/i.test(hex)) return Buffer.from(hex, 'hex');
  throw new HashKeyError(`${path} must hold at least ${2 * KEY_BYTES} hexadecimal digits`);
}
