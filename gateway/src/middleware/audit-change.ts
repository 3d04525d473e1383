import type { AuditChange, AuditSink } from '@headgate/journal/audit/sink';
import type { Clock } from '@headgate/runtime/clock';
import type { AppContext, Layer } from '../context.ts';

export interface AuditChangeOptions {
  readonly sink: AuditSink;
  readonly clock: Clock;
  readonly action: AuditChange['action'];
  /** Parameter of the path that says what is changed. */
  readonly param: string;
}

/** Most characters of a name in the log. */
const MAX_NAME = 128;

/** Lets a change begin only once it is on record that it was attempted. How it ended is in the record of the call. */
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
