import { HEADER } from '@headgate/contracts/names';
import type { AppContext } from '../context.ts';
import { rateLimitFields } from './fields.ts';
import type { Verdict } from './verdict.ts';

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
