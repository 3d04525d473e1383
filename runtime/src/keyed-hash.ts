import { hash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readRegularFileSync } from './read-file.ts';

/** Characters of a keyed hash: 128 bits. */
const HASH_LENGTH = 32;

/**
 * The name under which records and captured images have a unit or a tenant. The purpose is part of the hash, so that a
 * unit that is named like a key does not look like it.
 */
export function keyedHash(key: Uint8Array, purpose: 'tenant' | 'unit' | 'capture', value: string): string {
  return hmacSha256(key, `${purpose}\n${value}`).slice(0, HASH_LENGTH);
}

const BLOCK_BYTES = 64;

/**
 * HMAC-SHA-256 as hex (RFC 2104), by two calls of `hash`: 3 µs, where `createHmac` takes 11 to make and end its
 * object, and each request has three of them.
 */
export function hmacSha256(key: Uint8Array, text: string): string {
  const block = key.byteLength > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key;
  const inner = Buffer.alloc(BLOCK_BYTES + Buffer.byteLength(text), 0x36);
  const outer = Buffer.alloc(BLOCK_BYTES + 32, 0x5c);
  for (const [i, byte] of block.entries()) {
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  inner.write(text, BLOCK_BYTES);
  hash('sha256', inner, 'buffer').copy(outer, BLOCK_BYTES);
  return hash('sha256', outer, 'hex');
}

/** Bytes that a key has at least. */
const HASH_KEY_BYTES = 32;
/** Of the file of a key: room for a key four times as long, and white space. */
const MAX_FILE_BYTES = 1024;

const HASH_KEY = new RegExp(`^[0-9a-f]{${2 * HASH_KEY_BYTES},}$`, 'i');

/** The key in the text of its file; undefined when it holds none: hashes by a damaged key would match no other ones. */
export function parseHashKey(text: string): Uint8Array | undefined {
  const hex = text.trim();
  return HASH_KEY.test(hex) ? Buffer.from(hex, 'hex') : undefined;
}

/** The key file is there, and does not hold a key. */
export class HashKeyError extends Error {
  override readonly name = 'HashKeyError';
}

/**
 * The key behind the hashes of units and tenants, as hex in a file; made at the first start. Gateways that write into
 * the same store share it. Destroying it makes the records anonymous.
 */
export function readHashKey(path: string): Uint8Array {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, `${randomBytes(HASH_KEY_BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch {
    // It exists, or is mounted read-only: reading it shows.
  }
  const key = parseHashKey(readRegularFileSync(path, { maxBytes: MAX_FILE_BYTES }).toString());
  if (key) return key;
  throw new HashKeyError(`${path} must hold at least ${2 * HASH_KEY_BYTES} hexadecimal digits`);
}
