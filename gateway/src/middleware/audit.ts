import { toHeadgateError } from '@headgate/contracts/errors';
import type { AuditSink } from '@headgate/journal/audit/sink';
import type { Clock } from '@headgate/runtime/clock';
import type { Layer } from '../context.ts';
import { boundedMethod } from './observe.ts';

export interface AuditOptions {
  readonly sink: AuditSink;
  readonly clock: Clock;
}

/** Records every request, refused ones included: it stands outside of everything that can refuse. */
export function audit({ sink, clock }: AuditOptions): Layer {
  return async function audit(c, next) {
    const atMs = clock.epochMs();
    await next();
    sink.record({
      atMs,
      requestId: c.get('requestId'),
      keyId: c.get('identity')?.keyId,
      address: c.get('ipSubject'),
      method: boundedMethod(c),
      route: c.get('route'),
      status: c.res.status,
      reason: c.error && toHeadgateError(c.error).reason,
    });
  };
}
