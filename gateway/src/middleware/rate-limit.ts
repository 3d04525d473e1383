import type { Layer } from '../context.ts';
import { applyVerdict } from '../rate-limit/apply.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { groupOf } from '../routes/groups.ts';

export interface RateLimitOptions {
  readonly quotas: Quotas;
}

/** Charges an identified request to its key and its address; requests to public routes have been charged by ipLimit. */
export function rateLimit({ quotas }: RateLimitOptions): Layer {
  return async function rateLimit(c, next) {
    const identity = c.get('identity');
    if (identity) {
      const group = groupOf(c.req.method, c.req.path);
      applyVerdict(c, await quotas.chargeIdentified(identity, c.get('ipSubject'), group));
    }
    await next();
  };
}
