import type { Layer } from '../context.ts';
import { applyVerdict } from '../rate-limit/apply.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { routeScopeOf } from '../routes/groups.ts';

export interface RateLimitOptions {
  readonly quotas: Quotas;
}

/**
 * Charges an identified request to its key, its address and everybody's quota; requests to public routes have been
 * charged by ipLimit. What it costs besides is charged further in, through `tab`.
 */
export function rateLimit({ quotas }: RateLimitOptions): Layer {
  return async function rateLimit(c, next) {
    const identity = c.get('identity');
    if (identity) {
      const scope = routeScopeOf(c.req.method, c.req.path);
      const tab = await quotas.chargeIdentified(identity, c.get('ipSubject'), scope);
      applyVerdict(c, tab.verdict);
      c.set('tab', tab);
    }
    await next();
  };
}
