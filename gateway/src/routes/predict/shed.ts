import { HeadgateError } from '@headgate/contracts/errors';
import type { Layer } from '../../context.ts';
import type { Shed, Throttle } from '../../shedding/throttle.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

export interface ShedOptions {
  readonly throttle: Throttle;
  readonly telemetry: Pick<Telemetry, 'requestShed'>;
}

/**
 * Refuses requests for an overloaded model version before their body is read: a fraction of the cost of a refusal by
 * inference.
 */
export function shed({ throttle, telemetry }: ShedOptions): Layer {
  // One error for many requests: its stack costs more than the rest of a refusal.
  let overloaded = overloadedFor({ retryAfterMs: undefined });
  return async function shed(c, next) {
    const { model, version } = c.get('choice');
    const refusal = throttle.shed({ model, version, tenant: c.get('identity')?.keyId ?? '' });
    if (!refusal) return await next();
    telemetry.requestShed(model, version);
    if (refusal.retryAfterMs !== overloaded.retryAfterMs) overloaded = overloadedFor(refusal);
    throw overloaded;
  };
}

function overloadedFor({ retryAfterMs }: Shed): HeadgateError {
  return new HeadgateError(
    'overloaded',
    'The model has no room for another request right now. Please try again.',
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );
}
