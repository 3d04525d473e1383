import type { AppContext } from '../../context.ts';
import type { CallContext } from '../../upstream/open-inference.ts';

export interface CallContextOptions {
  readonly variant?: string | null;
  /** What the caller grants besides the deadline of the request, in ms. */
  readonly timeoutMs?: number;
}

/** What travels with a call that this request makes. @throws HeadgateError when the request is over */
export function callContext(c: AppContext, options: CallContextOptions = {}): CallContext {
  const { variant = null, timeoutMs = Number.POSITIVE_INFINITY } = options;
  const { signal, remainingMs, throwIfOver } = c.get('deadline');
  throwIfOver();
  return {
    requestId: c.get('requestId'),
    tenant: c.get('identity')?.keyId ?? null,
    trace: c.get('trace'),
    variant,
    remainingMs: Math.min(remainingMs(), timeoutMs),
    signal,
  };
}
