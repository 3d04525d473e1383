import { z } from 'zod';
import { sha256Schema } from './digest.ts';

/**
 * API key records as they are stored: never the key itself. A key is `hg_<id>_<secret>`; `id` finds the record,
 * `sha256` (hex, of the whole key) is compared in constant time.
 */
export const ROLES = ['client', 'tester', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/**
 * What a credential may be limited to, in addition to its role: `predict` asks models, `feedback` reports outcomes, `read`
 * lists and describes what is served, `operate` sees statistics and loads models. Every route belongs to one.
 */
export const ROUTE_SCOPES = ['predict', 'feedback', 'read', 'operate'] as const;
export type RouteScope = (typeof ROUTE_SCOPES)[number];

const instantSchema = z.iso.datetime('expected a time in UTC, such as 2030-01-31T12:00:00Z');

/** Narrows what the role allows; a list that is absent narrows nothing. */
const scopesSchema = z.strictObject({
  /** Names of models. */
  models: z.array(z.string().min(1).max(128)).min(1).max(256).optional(),
  routes: z.array(z.enum(ROUTE_SCOPES)).min(1).optional(),
});
export type Scopes = z.infer<typeof scopesSchema>;

const KEY_ID = /^[a-z0-9]{4,32}$/;

export const keyRecordSchema = z.strictObject({
  /** Stands in logs as it is: a name of a person does not belong in it. */
  id: z.string().regex(KEY_ID, 'expected 4 to 32 lower-case letters or digits'),
  sha256: sha256Schema,
  name: z.string().min(1).max(64),
  role: z.enum(ROLES),
  /** Name of a tier under gateway.rate_limit.tiers; it replaces the limits per key and per IP. */
  tier: z.string().min(1).default('default'),
  scopes: scopesSchema.optional(),
  created_at: instantSchema.optional(),
  /** From then on the key is refused; absent: never. */
  not_after: instantSchema.optional(),
  /** The secret before the last rotation, accepted until its own `not_after`. Same id: quotas and variants stay. */
  previous: z.strictObject({ sha256: sha256Schema, not_after: instantSchema }).optional(),
});

/** Of a key file: 10,000 records, the schema's limit, of 200 bytes each. */
export const MAX_KEY_FILE_BYTES = 2 * 2 ** 20;

export const keyFileSchema = z.strictObject({ keys: z.array(keyRecordSchema).max(10_000) });

export type KeyRecord = z.infer<typeof keyRecordSchema>;

const KEY_FORMAT = /^hg_([a-z0-9]{4,32})_[A-Za-z0-9_-]{32,128}$/;

/** True for the id of an API key, false for those of other credentials. */
export const isKeyId = (id: string): boolean => KEY_ID.test(id);

/** The record id inside a presented key, or undefined when it does not look like a key at all. */
export function keyIdOf(presented: string): string | undefined {
  return KEY_FORMAT.exec(presented)?.[1];
}
