import type { Dependency } from './policies.ts';

/** closed: calls pass; half_open: one probe is on its way, others are refused; open: all are refused. */
export const BREAKER_STATES = ['closed', 'half_open', 'open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** Receives what policies do, for metrics and the log. */
export interface ResilienceReport {
  breakerChanged(dependency: Dependency, state: BreakerState): void;
  /** A call failed and is sent again, or is not because the budget is used up. */
  retry(dependency: Dependency, outcome: 'sent' | 'over_budget'): void;
}

/** For tests and tools that show nothing. */
export const noResilienceReport: ResilienceReport = { breakerChanged() {}, retry() {} };
