import { z } from 'zod';
import { count } from './values.ts';

/** Models whose inference pods are stopped while no requests come for them (docs/serverless.md). */
export const serverlessSchema = z
  .record(
    z.string().min(1),
    z.strictObject({
      deployment: z
        .string()
        .min(1)
        .describe('Deployment of pods that serve this model alone; control scales it between 0 and 1.'),
      idle_s: z
        .number()
        .int()
        .min(10)
        .max(86_400)
        .default(600)
        .describe('Control stops its pods after this time without a request.'),
      parked: count
        .max(10_000)
        .default(200)
        .describe('Requests that one gateway lets wait for the first pod; more get 503.'),
    }),
  )
  .default({})
  .describe(
    'Model → how control starts its pods on a request and stops them when no requests come: { big: { deployment: NAME } }.',
  );

export type ServerlessConfig = z.infer<typeof serverlessSchema>;
