import type { Applied } from './verdict.ts';

/**
 * RateLimit-Policy and RateLimit as of draft-ietf-httpapi-ratelimit-headers-11: structured fields, an item a quota. The
 * units `images` and `engine_ms` are ours; the draft's registry does not have them.
 */
export function rateLimitFields(applied: readonly Applied[]): { policy: string; current: string } {
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
