import { z } from 'zod';

const count = z.number().int().min(1);

/** What a point stands for; docs/access.md says when each is charged. */
export const QUOTA_UNITS = ['requests', 'images', 'engine_ms'] as const;
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
  /** memory: each gateway counts for itself. redis: all gateways count together. */
  store: z.enum(['memory', 'redis']),
  redis: z.strictObject({
    /** File whose first line is redis://[user:password@]host:port[/db], or rediss:// for TLS. A secret. */
    url_file: z.string().min(1),
    /** One attempt to connect takes no longer; the start waits so long for the first one. */
    connect_timeout_ms: count.max(60_000),
    /** A connection with unanswered commands on which nothing arrives for so long is given up. */
    silence_timeout_ms: count.max(600_000),
  }),
  on_failure: z.strictObject({
    /**
     * local_share: each gateway admits the limit divided by `replicas`. closed: nothing is admitted (503). open:
     * everything is admitted, but for the guard against guessed credentials, which keeps its local share.
     */
    mode: z.enum(FAILURE_MODES),
    /** Gateways that share the store. */
    replicas: count.max(10_000),
  }),
  /** Subjects that one quota remembers in memory; beyond, the one whose window ends first is forgotten. */
  max_subjects: count.max(10_000_000),
  /** What all identified callers have together, whatever their tiers. */
  global: tierSchema,
  /** Wrong credentials per address; whoever uses one of the windows up is out until it ends. Shorter windows first. */
  failed_credentials: z
    .array(windowSchema)
    .min(1)
    .max(8)
    .refine(isGrowing, 'expected each window longer, with more points'),
  tiers: z
    .record(tierName, tierSchema)
    .refine((tiers) => Object.hasOwn(tiers, 'default'), 'expected a tier named default'),
});
export type RateLimitConfig = z.infer<typeof rateLimitSchema>;
