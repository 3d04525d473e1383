import type { Layer } from '../context.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { applyVerdict } from '../rate-limit/verdict.ts';
import type { ScopeOf } from '../routes/route.ts';

export interface RateLimitOptions {
  readonly quotas: Quotas;
  readonly scopeOf: ScopeOf;
}

/**
 * Charges an identified request to its key, its address and everybody's quota; requests to public routes have been
 * charged by ipLimit. What it costs besides is charged further in, through `tab`.
 */
export function rateLimit({ quotas, scopeOf }: RateLimitOptions): Layer {
  return async function rateLimit(c, next) {
    const identity = c.get('identity');
    if (identity) {
      const scope = scopeOf(c.req.method, c.get('route'));
      const tab = await quotas.chargeIdentified(identity, c.get('ipSubject'), scope);
      applyVerdict(c, tab.verdict);
      c.set('tab', tab);
    }
    await next();
  };
}
