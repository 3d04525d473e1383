import type { HeadgateError } from '@headgate/contracts/errors';
import type { Layer } from '../context.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { applyVerdict } from '../rate-limit/verdict.ts';

/** What a host says about what is no valid request. */
export interface MalformedEnv {
  readonly malformed?: HeadgateError;
}

/** Refuses what the host found malformed, charged to its address like any request without an identity. */
export function wellFormed({ quotas }: { readonly quotas: Pick<Quotas, 'chargeAnonymous'> }): Layer {
  return async function wellFormed(c, next) {
    const { malformed } = (c.env ?? {}) as MalformedEnv;
    if (malformed) {
      applyVerdict(c, await quotas.chargeAnonymous(c.get('ipSubject')));
      throw malformed;
    }
    await next();
  };
}
