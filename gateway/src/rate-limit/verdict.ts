import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { AppContext } from '../context.ts';
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

const WHOSE: Record<QuotaScope, string> = {
  key: 'The quota of this API key is used up',
  ip: 'The quota of this address is used up',
  credentials: 'Too many wrong credentials came from this address',
  global: 'The quota of all callers together is used up',
};

/** Names the limit in force, and the wait. */
function sentenceOf({ rule, state }: Applied, waitMs: number): string {
  const { scope, group, unit, quota } = rule;
  const routes = group === 'all' ? 'all routes' : `routes of the kind ${group}`;
  const what = scope === 'credentials' ? '' : ` ${unit === 'engine_ms' ? 'ms of engine time' : unit}`;
  const on = scope === 'credentials' ? '' : ` on ${routes}`;
  const limit = `${state.limit}${what} in ${quota.windowMs / 1000} s${on}`;
  const wait = waitMs > 0 ? `; try again in ${Math.ceil(waitMs / 1000)} s` : '';
  return `${WHOSE[scope]}: ${limit}${wait}.`;
}

/** One refusing quota refuses the request; each of them is counted. */
export function judge(applied: readonly Applied[], telemetry: Pick<Telemetry, 'rateLimited'>): Verdict {
  const refusing = applied.filter(({ state }) => !state.allowed);
  for (const { rule } of refusing) telemetry.rateLimited(rule.scope, rule.group);
  const [first, ...rest] = refusing;
  if (!first) return { applied, refusal: undefined };
  // A caller that returns after the shortest of several waits is refused again.
  const longest = rest.reduce((a, b) => (b.state.resetMs > a.state.resetMs ? b : a), first);
  const { resetMs: retryAfterMs } = longest.state;
  // The address of a caller is charged like its key: what its key has used up is the better explanation.
  const cause = refusing.find(({ rule }) => rule.scope === 'key') ?? longest;
  return {
    applied,
    refusal: new HeadgateError('rate_limited', sentenceOf(cause, retryAfterMs), { retryAfterMs }),
  };
}

/**
 * Tells the caller about its quotas and stops the request when one is used up.
 *
 * @throws HeadgateError rate_limited
 */
export function applyVerdict(c: AppContext, { applied, refusal }: Verdict): void {
  if (applied.length > 0) {
    const { policy, current } = rateLimitFields(applied);
    c.header(HEADER.rateLimitPolicy, policy);
    c.header(HEADER.rateLimit, current);
  }
  if (refusal) throw refusal;
}

/**
 * RateLimit-Policy and RateLimit as of draft-ietf-httpapi-ratelimit-headers-11: structured fields, an item a quota. The
 * units `images` and `engine_ms` are ours; the draft's registry does not have them.
 */
function rateLimitFields(applied: readonly Applied[]): { policy: string; current: string } {
  return { policy: applied.map(policyItem).join(', '), current: applied.map(currentItem).join(', ') };
}

/** What is in force, also where that is a share of what is configured. */
function policyItem({ rule: { quota, unit }, state }: Applied): string {
  const item = `"${quota.name}";q=${state.limit};w=${quota.windowMs / 1000}`;
  return unit === 'requests' ? item : `${item};qu="${unit}"`;
}

/** Seconds are rounded up, as those of Retry-After are; without a window there is no end to tell. */
function currentItem({ rule, state }: Applied): string {
  const item = `"${rule.quota.name}";r=${state.remaining}`;
  return state.resetMs > 0 ? `${item};t=${Math.ceil(state.resetMs / 1000)}` : item;
}
