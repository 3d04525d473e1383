import { toHeadgateError } from '@headgate/contracts/errors';
import type { AuditChange, AuditSink } from '@headgate/journal/audit/sink';
import type { Clock } from '@headgate/runtime/clock';
import type { AppContext, Layer } from '../context.ts';
import { boundedMethod } from './observe.ts';

export interface AuditOptions {
  readonly sink: AuditSink;
  readonly clock: Clock;
}

/** Records every request, refused ones included: it runs outside every layer that can refuse. */
export function audit({ sink, clock }: AuditOptions): Layer {
  return async function audit(c, next) {
    const atMs = clock.epochMs();
    await next();
    sink.record({
      atMs,
      requestId: c.get('requestId'),
      predictionId: c.get('predictionId'),
      traceId: c.get('trace').traceId,
      keyId: c.get('identity')?.keyId,
      address: c.get('ipSubject'),
      method: boundedMethod(c),
      route: c.get('route'),
      status: c.res.status,
      reason: c.error && toHeadgateError(c.error).reason,
    });
  };
}

export interface AuditChangeOptions extends AuditOptions {
  readonly action: AuditChange['action'];
  /** Parameter of the path that says what is changed. */
  readonly param: string;
}

/** Most characters of a name in the log. */
const MAX_NAME = 128;

/** Records an attempted change before it begins. The record of the call says how it ended. */
export function auditChange({ sink, clock, action, param }: AuditChangeOptions): Layer {
  return async function auditChange(c: AppContext, next) {
    await sink.change({
      atMs: clock.epochMs(),
      keyId: c.get('identity')?.keyId,
      action,
      outcome: 'attempted',
      detail: { [param]: (c.req.param(param) ?? '').slice(0, MAX_NAME) },
      requestId: c.get('requestId'),
    });
    await next();
  };
}
