import { z } from 'zod';

/** Remote parts that a policy protects; also the only values of the label `dependency`. */
export const DEPENDENCIES = ['inference', 'redis', 'jwks', 'database'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

const ms = (max: number) => z.number().int().min(1).max(max);

/** How many calls may be sent again, so that retries cannot double the load of a dependency in trouble. */
export const retryBudgetSchema = z.strictObject({
  /** Retries per call, over the window. */
  share: z.number().min(0).max(1),
  /** Retries that are allowed in a window however few calls there are. */
  min_retries: z.number().int().min(0).max(1000),
  window_ms: ms(600_000).min(100),
});
export type RetryBudgetConfig = z.infer<typeof retryBudgetSchema>;

/** How one remote part is called. */
export const dependencySchema = z
  .strictObject({
    /** One attempt; it is given up and counts as a failure after that. */
    timeout_ms: ms(600_000),
    /** Calls in progress; more are refused at once. */
    concurrency: z.number().int().min(1).max(100_000),
    retry: z.strictObject({
      /** Further attempts after the first; 0: none. */
      attempts: z.number().int().min(0).max(10),
      /** Pause before a further attempt: random, from the least to three times the one before, at most the most. */
      backoff_min_ms: ms(60_000),
      backoff_max_ms: ms(600_000),
      budget: retryBudgetSchema,
    }),
    breaker: z.strictObject({
      /** Failures in a row that open it. */
      failures: z.number().int().min(1).max(1000),
      /** How long it refuses calls before one is let through as a probe; grows like a backoff while probes fail. */
      open_min_ms: ms(600_000),
      open_max_ms: ms(3_600_000),
    }),
  })
  .refine(({ retry }) => retry.backoff_min_ms <= retry.backoff_max_ms, {
    path: ['retry', 'backoff_min_ms'],
    message: 'expected at most backoff_max_ms',
  })
  .refine(({ breaker }) => breaker.open_min_ms <= breaker.open_max_ms, {
    path: ['breaker', 'open_min_ms'],
    message: 'expected at most open_max_ms',
  });
export type DependencyConfig = z.infer<typeof dependencySchema>;

/** Policies by dependency. Inference is not among them: its breaker is readiness (gateway.upstream). */
export const dependenciesSchema = z.strictObject({
  redis: dependencySchema,
  jwks: dependencySchema,
  database: dependencySchema,
});
