import { z } from 'zod';

/**
 * API key records as they are stored: never the key itself. A key is `hg_<id>_<secret>`; `id` finds the record,
 * `sha256` (hex, of the whole key) is compared in constant time.
 */
export const ROLES = ['client', 'tester', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const keyRecordSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9]{4,32}$/, 'expected 4 to 32 lower-case letters or digits'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits'),
  name: z.string().min(1).max(64),
  role: z.enum(ROLES),
  /** Name of a tier under gateway.rate_limit.tiers; it replaces the limits per key and per IP. */
  tier: z.string().min(1).default('default'),
});

export const keyFileSchema = z.strictObject({ keys: z.array(keyRecordSchema).max(10_000) });

export type KeyRecord = z.infer<typeof keyRecordSchema>;

const KEY_FORMAT = /^hg_([a-z0-9]{4,32})_[A-Za-z0-9_-]{32,128}$/;

/** The record id inside a presented key, or undefined when it does not look like a key at all. */
export function keyIdOf(presented: string): string | undefined {
  return KEY_FORMAT.exec(presented)?.[1];
}
