import { HeadgateError } from '@headgate/contracts/errors';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { QuotaState } from './limiter.ts';
import type { QuotaScope, Rule } from './rules.ts';

/** A quota, and what it says. */
export interface Applied {
  readonly rule: Rule;
  readonly state: QuotaState;
}

export interface Verdict {
  /** The quotas that the caller is told about. */
  readonly applied: readonly Applied[];
  /** `rate_limited`, when a quota is used up. */
  readonly refusal: HeadgateError | undefined;
}

export const NO_LIMIT: Verdict = { applied: [], refusal: undefined };

const SENTENCE: Record<QuotaScope, string> = {
  key: 'The quota of this API key is used up.',
  ip: 'The quota of this address is used up.',
  credentials: 'Too many wrong credentials came from this address.',
  global: 'The quota of all callers together is used up.',
};

/** One refusing quota refuses the request; each of them is counted. */
export function judge(applied: readonly Applied[], telemetry: Pick<Telemetry, 'rateLimited'>): Verdict {
  const refusing = applied.filter(({ state }) => !state.allowed);
  for (const { rule } of refusing) telemetry.rateLimited(rule.scope, rule.group);
  const [first, ...rest] = refusing;
  if (!first) return { applied, refusal: undefined };
  // Whoever comes back after the shortest of several waits is refused again.
  const longest = rest.reduce((a, b) => (b.state.resetMs > a.state.resetMs ? b : a), first);
  const { resetMs: retryAfterMs } = longest.state;
  return {
    applied,
    refusal: new HeadgateError('rate_limited', SENTENCE[longest.rule.scope], { retryAfterMs }),
  };
}
