import type { FailureMode } from '@headgate/contracts/config/schema';
import { HeadgateError } from '@headgate/contracts/errors';
import type { Policy } from '@headgate/runtime/resilience/policy';
import type { Charge, Limiter, QuotaState } from './limiter.ts';

/** `shared`: the store counts. Otherwise what was declared for the time without it. */
export type LimiterMode = 'shared' | FailureMode;

export interface LimiterReport {
  /** Requests are counted otherwise from now on. */
  modeChanged(mode: LimiterMode): void;
  /** The store did not take the charges of a request, or was not even asked. */
  storeFailed(error: unknown): void;
}

export interface InsuredLimiterOptions {
  readonly store: Limiter;
  /** Counts while the store does not. */
  readonly local: Limiter;
  /** How the store is called: its breaker decides when it is not even asked. */
  readonly policy: Policy;
  readonly mode: FailureMode;
  /** Gateways that share the store. */
  readonly replicas: number;
  readonly report: LimiterReport;
}

/** When the store is likely to be asked again, in ms. */
const RETRY_AFTER_MS = 1000;

/**
 * The store's counts, and what was declared for the time without it. A charge that the store did not take for sure is
 * never sent again: it may be counted twice, here and there, for that one request.
 */
export function insuredLimiter(options: InsuredLimiterOptions): Limiter {
  const { store, local, policy, mode, replicas, report } = options;
  let inForce: LimiterMode = 'shared';

  const asked = async <T>(ask: () => Promise<T>, instead: () => Promise<T>): Promise<T> => {
    try {
      const answer = await policy.run(ask);
      settle();
      return answer;
    } catch (error) {
      report.storeFailed(error);
      settle();
      return instead();
    }
  };

  const settle = () => {
    const now = policy.state() === 'closed' ? 'shared' : mode;
    if (now === inForce) return;
    inForce = now;
    report.modeChanged(now);
  };

  const insteadOf = async (charges: readonly Charge[]): Promise<readonly QuotaState[]> => {
    if (mode === 'closed') throw unavailable();
    const counted = mode === 'open' ? charges.filter(({ quota }) => quota.isGuard) : charges;
    const states = await local.consume(counted.map((charge) => shareOf(charge, replicas)));
    return charges.map((charge) => states[counted.indexOf(charge)] ?? untouched(charge));
  };

  return {
    consume: (charges) =>
      asked(
        () => store.consume(charges),
        () => insteadOf(charges),
      ),
    debit: (charges) =>
      asked(
        () => store.debit(charges),
        () => local.debit(charges.map((charge) => shareOf(charge, replicas))),
      ),
  };
}

/** The same charge against this gateway's part of the quota: rounded down, but never nothing. */
export function shareOf({ quota, ...charge }: Charge, replicas: number): Charge {
  return { ...charge, quota: { ...quota, points: Math.max(1, Math.floor(quota.points / replicas)) } };
}

function untouched({ quota: { points } }: Charge): QuotaState {
  return { allowed: true, limit: points, remaining: points, resetMs: 0 };
}

function unavailable(): HeadgateError {
  const detail = 'Quotas cannot be checked right now. Please try again.';
  return new HeadgateError('unavailable', detail, { retryAfterMs: RETRY_AFTER_MS });
}
