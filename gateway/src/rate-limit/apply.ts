import { HEADER } from '@headgate/contracts/names';
import type { AppContext } from '../context.ts';
import { wholeSeconds } from '../errors.ts';
import type { Verdict } from './quotas.ts';

/**
 * Tells the caller about the tightest quota and stops the request when one is used up.
 *
 * @throws HeadgateError rate_limited
 */
export function applyVerdict(c: AppContext, { tightest, refusal }: Verdict): void {
  if (tightest) {
    c.header(HEADER.rateLimitLimit, String(tightest.limit));
    c.header(HEADER.rateLimitRemaining, String(tightest.remaining));
    c.header(HEADER.rateLimitReset, String(wholeSeconds(tightest.resetMs)));
  }
  if (refusal) throw refusal;
}
