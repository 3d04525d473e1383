/** Remote parts that a policy protects; also the only values of the label `dependency`. */
const DEPENDENCIES = ['inference', 'redis', 'jwks', 'database', 'registry'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

/** How many calls may be sent again, so that retries cannot double the load of a dependency in trouble. */
export interface RetryBudgetConfig {
  /** Retries per call, over the window. */
  readonly share: number;
  /** Retries that are allowed in a window however few calls there are. */
  readonly min_retries: number;
  readonly window_ms: number;
}

/** How one remote part is called. */
export interface DependencyConfig {
  /** Limit of one attempt, which counts as a failure after that. */
  readonly timeout_ms: number;
  /** Calls in progress; more are refused at once. */
  readonly concurrency: number;
  readonly retry: {
    /** Further attempts after the first; 0: none. */
    readonly attempts: number;
    /** Pause before a further attempt: random, from the least to three times the one before, at most the most. */
    readonly backoff_min_ms: number;
    readonly backoff_max_ms: number;
    readonly budget: RetryBudgetConfig;
  };
  readonly breaker: {
    /** Failures in a row that open it. */
    readonly failures: number;
    /** Pause before one call is let through as a probe; grows like a backoff while probes fail. */
    readonly open_min_ms: number;
    readonly open_max_ms: number;
  };
}

/** Three failures in a row are no accident; half a second to five seconds later one probe costs nothing. */
const BREAKER = { failures: 3, open_min_ms: 500, open_max_ms: 5000 };

/** One second attempt, half a second later at most: enough for a connection that broke. */
const RETRY = {
  attempts: 1,
  backoff_min_ms: 100,
  backoff_max_ms: 300,
  budget: { share: 0.2, min_retries: 3, window_ms: 60_000 },
};
const NO_RETRY = { ...RETRY, attempts: 0 };

/** Inference is missing: its breaker is readiness. The timeouts are settings (`dependencies`). */
export const POLICIES = {
  /** Each request waits for it, so that a second attempt is too late. */
  redis: { concurrency: 1024, retry: NO_RETRY, breaker: BREAKER },
  /** Asked rarely, by one fetch at a time for each issuer. */
  jwks: { concurrency: 4, retry: RETRY, breaker: BREAKER },
  /** The shippers of records and audit records send again what failed. */
  database: { concurrency: 16, retry: NO_RETRY, breaker: BREAKER },
  /** Asked every few seconds, for each served version by inference and for all models by control. */
  registry: { concurrency: 32, retry: RETRY, breaker: BREAKER },
} as const satisfies Partial<Record<Dependency, Omit<DependencyConfig, 'timeout_ms'>>>;
