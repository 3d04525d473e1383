import { z } from 'zod';
import { REASONS, type Reason } from './errors.ts';
import { SKETCH_FEATURES } from './sketch.ts';

/**
 * Records of predictions and of their outcomes, as the spool holds and the store receives them. Never
 * holds anything about a person: units and tenants are keyed hashes, images are digests.
 */

/**
 * Why records could not be kept: memory (backlog) or the log (bound) was full, the disk was full or failed, or the
 * record itself was too large or could not be encoded (invalid).
 */
export const DROP_CAUSES = ['backlog', 'bound', 'disk_full', 'disk_error', 'invalid'] as const;
export type DropCause = (typeof DROP_CAUSES)[number];

/** Grows when a reader of the old form could not read the new one. Readers go first in an upgrade: they know both. */
export const RECORD_VERSION = 4;

const version = z.literal([1, 2, 3, RECORD_VERSION]);
/** Largest amount of a reward: sums of squares of a million of them stay exact enough. */
export const MAX_REWARD = 1e9;

const epochMs = z.int().min(0);
/** The first 16 bytes of an HMAC-SHA-256, as hex. */
const keyedHash = z.string().regex(/^[0-9a-f]{32}$/);
const name = z.string().max(256);
const reason = z.enum(Object.keys(REASONS) as [Reason, ...Reason[]]);

/** What the engine saw of an image (contracts/src/sketch.ts). */
const sketchRecordSchema = z.strictObject({
  version: z.int().min(1),
  width: z.int().min(1),
  height: z.int().min(1),
  brightness: z.number(),
  contrast: z.number(),
  sharpness: z.number(),
  features: z.array(z.number()).length(SKETCH_FEATURES),
});

/** One image of a request that was answered, or failed. Identified by (id, index). */
export const predictionRecordSchema = z.strictObject({
  type: z.literal('prediction'),
  v: version,
  /** Prediction id of the request, a UUIDv7. */
  id: z.uuidv7(),
  index: z.int().min(0).max(1023),
  at_ms: epochMs,
  /** Hash of the id of the key that asked. */
  tenant: keyedHash,
  /** Hash of the unit of the experiment. */
  unit: keyedHash,
  model: name,
  version: name,
  /** Variant that served it, and the one that its unit belongs to; null for a version that was asked for. */
  variant: name.nullable(),
  assigned_variant: name.nullable(),
  experiment: name.nullable(),
  outcome: z.union([z.literal('ok'), reason]),
  latency_ms: z.number().min(0),
  /** What the model saw first; null unless the outcome is ok. */
  label: name.nullable(),
  class_id: z.int().nullable(),
  score: z.number().nullable(),
  /** The best classes with their scores, best first; null where the answer did not have both. New in version 2. */
  top_class_ids: z.array(z.int()).max(1000).nullable().default(null),
  top_scores: z.array(z.number()).max(1000).nullable().default(null),
  /** SHA-256 of the encoded image, as hex; null where tensors were sent. */
  image_sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  image_bytes: z.int().min(0).nullable(),
  /** New in version 2. */
  sketch: sketchRecordSchema.nullable().default(null),
  /** What the audit log knows the request by. New in version 3. */
  request_id: name.nullable().default(null),
  /** New in version 4. */
  trace_id: name.nullable().default(null),
});

/** The caller's judgement of its prediction. The same feedback sent again is the same record. */
export const outcomeRecordSchema = z.strictObject({
  type: z.literal('outcome'),
  v: version,
  id: z.uuidv7(),
  index: z.int().min(0).max(1023),
  at_ms: epochMs,
  tenant: keyedHash,
  /** The right answer, by name, by number, or both; null where the caller sent only a reward. */
  label: name.nullable(),
  class_id: z.int().nullable(),
  /** What the answer was worth to the caller; more is better. New in version 3. */
  reward: z.number().min(-MAX_REWARD).max(MAX_REWARD).nullable().default(null),
});

/** What a copy of an image got, and how that compares with the answer of the original (gateway/src/shadow/compare.ts). */
const copyRunSchema = z.strictObject({
  label: name,
  class_id: z.int(),
  score: z.number(),
  latency_ms: z.number().min(0),
  /** Whether the first labels are equal. */
  agrees: z.boolean(),
  /** Score of the original's first label: the copy's minus the original's; null where the copy has no score of it. */
  score_change: z.number().nullable(),
});

/**
 * One image that control answered, run again by a shadow, and by control for comparison. Identified by (id, index,
 * shadow_version). New in version 3.
 */
export const shadowRecordSchema = z.strictObject({
  type: z.literal('shadow'),
  v: version,
  id: z.uuidv7(),
  index: z.int().min(0).max(1023),
  at_ms: epochMs,
  model: name,
  /** Control's, which answered. */
  version: name,
  shadow_version: name,
  /** `dropped`: not run, since the room was needed for requests. */
  outcome: z.union([z.literal('ok'), z.literal('dropped'), reason]),
  /** First class of the answer that the caller got. */
  label: name,
  class_id: z.int(),
  score: z.number(),
  /** Null unless the outcome is ok. */
  shadow: copyRunSchema.nullable(),
  /** Null where that copy was dropped, or failed. */
  noise: copyRunSchema.nullable(),
  /** Whether the versions name or order their labels differently, as far as this image shows. */
  label_order_differs: z.boolean(),
});

/** Records that a writer lost: memory or disk were full. */
const gapRecordSchema = z.strictObject({
  type: z.literal('gap'),
  v: version,
  writer: name,
  sequence: z.int().min(0),
  dropped: z.int().min(1),
  from_ms: epochMs,
  to_ms: epochMs,
  cause: z.enum(DROP_CAUSES),
});

export const recordSchema = z.discriminatedUnion('type', [
  predictionRecordSchema,
  outcomeRecordSchema,
  shadowRecordSchema,
  gapRecordSchema,
]);

export type SketchRecord = z.infer<typeof sketchRecordSchema>;
export type PredictionRecord = z.infer<typeof predictionRecordSchema>;
export type OutcomeRecord = z.infer<typeof outcomeRecordSchema>;
export type CopyRun = z.infer<typeof copyRunSchema>;
export type ShadowRecord = z.infer<typeof shadowRecordSchema>;
export type GapRecord = z.infer<typeof gapRecordSchema>;
export type StoredRecord = z.infer<typeof recordSchema>;

/** Body of one delivery to control. */
export const deliverySchema = z.strictObject({ records: z.array(recordSchema).max(10_000) });

/** When the prediction was made, in ms: a UUIDv7 begins with it. */
export function timeOfPrediction(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
