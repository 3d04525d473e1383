import { z } from 'zod';
import { isSecureUrl } from '../secure-url.ts';

/** Sampled images that are kept as training data (docs/capture.md). Off unless a store and a model are named. */
export const captureSchema = z.strictObject({
  /** none: no image is kept. folder: below `dir`. s3: in a bucket. */
  store: z.enum(['none', 'folder', 's3']),
  /** Model → share of its requests whose images are kept. */
  models: z.record(z.string().min(1), z.strictObject({ rate: z.number().min(0).max(1) })),
  /** Images are removed after so many days. */
  retention_days: z.number().int().min(1).max(3650),
  /** Most bytes that one gateway keeps of a day, counted from its start; further images are dropped and counted. */
  day_bytes: z.number().int().min(1),
  /** Most bytes of images that wait to be written; further ones are dropped and counted. */
  queue_bytes: z.number().int().min(1),
  /** One call of the store takes no longer. */
  timeout_ms: z.number().int().min(1).max(600_000),
  dir: z.string().min(1),
  s3: z.strictObject({
    /** Address of the service, without the bucket. */
    endpoint: z
      .string()
      .refine((url) => url === '' || isSecureUrl(url), 'expected https, or http on this machine'),
    region: z.string().min(1),
    bucket: z.string().regex(/^$|^[a-z0-9][a-z0-9.-]{1,62}$/, 'expected the name of a bucket, or nothing'),
    /** Begin of every key, with a slash at its end; empty = none. */
    prefix: z
      .string()
      .regex(/^([A-Za-z0-9._-]+\/)*$/, 'expected names, each followed by a slash, or nothing'),
    access_key_id: z.string().meta({ secret: true }),
    secret_access_key: z.string().meta({ secret: true }),
  }),
});

export type CaptureConfig = z.infer<typeof captureSchema>;
