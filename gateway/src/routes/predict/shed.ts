import { HeadgateError } from '@headgate/contracts/errors';
import type { Layer } from '../../context.ts';
import type { Throttle } from '../../shedding/throttle.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

export interface ShedOptions {
  readonly throttle: Throttle;
  readonly telemetry: Pick<Telemetry, 'requestShed'>;
}

/**
 * Refuses in place of an overloaded model version, before the body is read: that costs a fraction of sending the
 * photo on to be refused there.
 */
export function shed({ throttle, telemetry }: ShedOptions): Layer {
  return async function shed(c, next) {
    const { model, version } = c.get('choice');
    const refusal = throttle.shed({ model, version });
    if (!refusal) return await next();
    telemetry.requestShed(model, version);
    const { retryAfterMs } = refusal;
    throw new HeadgateError(
      'overloaded',
      'The model has no room for another request right now. Please try again.',
      retryAfterMs === undefined ? {} : { retryAfterMs },
    );
  };
}
