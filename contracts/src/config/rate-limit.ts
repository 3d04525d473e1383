import { z } from 'zod';
import { count, group, path } from './values.ts';

/** What a point stands for; docs/access.md says when each is charged. */
const QUOTA_UNITS = ['requests', 'images', 'engine_ms'] as const;
export type QuotaUnit = (typeof QUOTA_UNITS)[number];

/** `points` per `window_s` seconds, a day at most. */
const windowSchema = z.strictObject({ points: count, window_s: count.max(86_400) });

/** Points are requests unless `unit` says otherwise. */
const quotaSchema = windowSchema.extend({ unit: z.enum(QUOTA_UNITS).optional() });
export type QuotaConfig = z.infer<typeof quotaSchema>;

/** One quota, several that all must have room, or null = unlimited. */
const limitSchema = z.union([quotaSchema, z.array(quotaSchema).min(1).max(8).refine(areDistinct)]).nullable();
export type Limit = z.infer<typeof limitSchema>;

/** Two quotas of one unit and window would be one quota with two sizes. */
function areDistinct(quotas: readonly QuotaConfig[]): boolean {
  return (
    new Set(quotas.map(({ unit = 'requests', window_s }) => `${unit}/${window_s}`)).size === quotas.length
  );
}

/** A longer window with fewer points would leave the shorter one without effect. */
function isGrowing(quotas: readonly z.infer<typeof windowSchema>[]): boolean {
  return quotas.every(({ points, window_s }, i) => {
    const before = quotas[i - 1];
    return before === undefined || (points > before.points && window_s > before.window_s);
  });
}

/** Where no image is seen and no engine runs. */
const requestLimitSchema = z.union([windowSchema, z.array(windowSchema).min(1).max(8)]).nullable();

/**
 * Limits of a tier, each per key and again per client address. `all` counts every route; the others count, besides,
 * the routes of their scope (contracts/src/keys.ts).
 */
const tierSchema = z.strictObject({
  all: limitSchema,
  predict: limitSchema,
  feedback: requestLimitSchema.optional(),
  read: requestLimitSchema.optional(),
  operate: requestLimitSchema.optional(),
});
export type Tier = z.infer<typeof tierSchema>;

const tierName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected letters, digits, dash and underscore');

/** What becomes of quotas while the store does not answer (docs/access.md). */
export const FAILURE_MODES = ['local_share', 'closed', 'open'] as const;
export type FailureMode = (typeof FAILURE_MODES)[number];

export const rateLimitSchema = z.strictObject({
  store: z
    .enum(['memory', 'redis'])
    .default('memory')
    .describe('memory: each gateway counts for itself. redis: all gateways count together.'),
  redis: group({
    url_file: path
      .default('state/redis.url')
      .describe(
        'File whose first line is redis://[user:password@]host:port[/db], or rediss:// for TLS. A secret.',
      ),
  }),
  on_failure: group({
    mode: z
      .enum(FAILURE_MODES)
      .default('local_share')
      .describe(
        'local_share: each gateway admits the limit divided by `replicas`. closed: nothing is admitted (503). open: everything is admitted, except that guessed credentials keep their local share.',
      ),
    replicas: count.max(10_000).default(1).describe('Gateways that share the store.'),
  }),
  global: tierSchema
    .default({ all: null, predict: null })
    .describe('What all identified callers have together, whatever their tiers.'),
  failed_credentials: z
    .array(windowSchema)
    .min(1)
    .max(8)
    .refine(isGrowing, 'expected each window longer, with more points')
    .describe(
      'Wrong credentials per address; once it has used one of the windows up, further wrong ones are 429. Shorter windows first.',
    ),
  tiers: z
    .record(tierName, tierSchema)
    .refine((tiers) => Object.hasOwn(tiers, 'default'), 'expected a tier named default'),
});
export type RateLimitConfig = z.infer<typeof rateLimitSchema>;
