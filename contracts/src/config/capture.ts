import { z } from 'zod';
import { isSecureUrl } from '../secure-url.ts';
import { bytes, days, group, path, secret } from './values.ts';

/** Sampled images that are kept as training data (docs/records.md). Off unless a store and a model are named. */
export const captureSchema = group({
  store: z
    .enum(['none', 'folder', 's3'])
    .default('none')
    .describe('none: no image is kept. folder: below `dir`. s3: in a bucket.'),
  models: z
    .record(z.string().min(1), z.strictObject({ rate: z.number().min(0).max(1) }))
    .default({})
    .describe('Model → share of its requests whose images are kept: { digits: { rate: 0.01 } }.'),
  retention_days: days.default(30).describe('Images are removed after so many days.'),
  day_bytes: bytes
    .default(2 ** 30)
    .describe(
      'What one gateway keeps of a day, counted from its start; further images are dropped and counted.',
    ),
  dir: path.default('state/captures').describe('Folder of the store folder.'),
  s3: group({
    endpoint: z
      .string()
      .refine((url) => url === '' || isSecureUrl(url), 'expected https, or http on this machine')
      .default('')
      .describe('Address of the service, without the bucket.'),
    region: z
      .string()
      .regex(/^[A-Za-z0-9-]+$/, 'expected letters, digits and dashes')
      .default('us-east-1'),
    bucket: z
      .string()
      .regex(/^$|^[a-z0-9][a-z0-9.-]{1,62}$/, 'expected the name of a bucket, or nothing')
      .default(''),
    prefix: z
      .string()
      .regex(/^([A-Za-z0-9._-]+\/)*$/, 'expected names, each followed by a slash, or nothing')
      .default('headgate/')
      .describe('Start of every key, with a slash at its end; empty: none.'),
    access_key_id: secret('Key of a user who may read, write, list and delete below the prefix.', {
      inHeader: true,
    }),
    secret_access_key: secret('Its secret.'),
  }),
});

export type CaptureConfig = z.infer<typeof captureSchema>;
