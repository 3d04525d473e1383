import { createHash, randomBytes } from 'node:crypto';
import { InvalidArgumentError } from 'commander';

/** 256 bits: nobody guesses that, so one round of SHA-256 is enough of a hash to store it by. */
const SECRET_BYTES = 32;
/** 80 bits in 20 hex digits: ids are public, they must only not collide. */
const ID_BYTES = 10;

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Ten years: more is a mistake. */
const MAX_MS = 3650 * UNIT_MS.d;

export const newKeyId = (): string => randomBytes(ID_BYTES).toString('hex');

/** A new key for the record `id`: shown once, stored as its digest alone. */
export function newSecret(id: string): { readonly key: string; readonly sha256: string } {
  const key = `hg_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return { key, sha256: createHash('sha256').update(key).digest('hex') };
}

/**
 * A duration as people write it: `90s`, `30m`, `24h`, `7d`.
 *
 * @returns ms
 * @throws InvalidArgumentError
 */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  if (ms >= 0 && ms <= MAX_MS) return ms;
  throw new InvalidArgumentError('Expected a duration such as 90s, 30m, 24h or 7d, ten years at most.');
}

/** UTC, whole seconds. */
export function instant(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
