import { createHash, randomBytes } from 'node:crypto';

/** 256 bits: nobody guesses that, so one round of SHA-256 is enough of a hash to store it by. */
const SECRET_BYTES = 32;
/** 80 bits in 20 hex digits: ids are public, they must only not collide. */
const ID_BYTES = 10;

export interface NewSecret {
  /** The whole key. Shown once, stored nowhere. */
  readonly key: string;
  readonly sha256: string;
}

export function newKeyId(): string {
  return randomBytes(ID_BYTES).toString('hex');
}

/** A fresh secret for the record `id`. */
export function newSecret(id: string): NewSecret {
  const key = `hg_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return { key, sha256: createHash('sha256').update(key).digest('hex') };
}
