import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PSEUDONYM_KEY_BYTES } from './pseudonym.ts';

/**
 * The key in a file, made when it is missing. On a disk that takes no key, one that nobody can know later: a record
 * without a name is better than none.
 */
export function readOrMakeKey(path: string): Uint8Array {
  const fresh = randomBytes(PSEUDONYM_KEY_BYTES);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, fresh, { mode: 0o600, flag: 'wx' });
    return fresh;
  } catch {
    return readKey(path) ?? fresh;
  }
}

function readKey(path: string): Uint8Array | undefined {
  try {
    const key = readFileSync(path);
    return key.byteLength === PSEUDONYM_KEY_BYTES ? key : undefined;
  } catch {
    return undefined;
  }
}
