import type { DependencyConfig } from '@headgate/runtime/resilience/policies';

/** Policy of a remote part in a test: no retries, and by default a breaker that opens after three failures. */
export function policyWithoutRetries(changes: Partial<DependencyConfig>): DependencyConfig {
  const budget = { share: 0, min_retries: 0, window_ms: 1000 };
  return {
    timeout_ms: 1000,
    concurrency: 16,
    retry: { attempts: 0, backoff_min_ms: 1, backoff_max_ms: 1, budget },
    breaker: { failures: 3, open_min_ms: 50, open_max_ms: 200 },
    ...changes,
  };
}
