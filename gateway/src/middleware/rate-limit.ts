import type { Layer } from '../context.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { applyVerdict } from '../rate-limit/verdict.ts';
import type { ScopeOf } from '../routes/route.ts';

export interface RateLimitOptions {
  readonly quotas: Quotas;
  readonly scopeOf: ScopeOf;
}

/**
 * Charges an identified request to its key, its address and everybody's quota; ipLimit has charged requests to public
 * routes. Images and engine time are charged further in, through `charge`.
 */
export function rateLimit({ quotas, scopeOf }: RateLimitOptions): Layer {
  return async function rateLimit(c, next) {
    const identity = c.get('identity');
    if (identity) {
      const scope = scopeOf(c.req.method, c.get('route'));
      const charge = await quotas.chargeIdentified(identity, c.get('ipSubject'), scope);
      applyVerdict(c, charge.verdict);
      c.set('charge', charge);
    }
    await next();
  };
}
