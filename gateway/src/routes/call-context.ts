import type { AppContext } from '../context.ts';
import type { CallContext } from '../upstream/inference.ts';

/** What travels with a call that this request makes. @throws HeadgateError when the request is over */
export function callContext(c: AppContext, variant: string | null = null): CallContext {
  const deadline = c.get('deadline');
  deadline.throwIfOver();
  return {
    requestId: c.get('requestId'),
    tenant: c.get('identity')?.keyId ?? null,
    trace: c.get('trace'),
    variant,
    deadline,
  };
}
