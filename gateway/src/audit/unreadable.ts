import { OTHER } from '@headgate/contracts/names';
import type { AuditSink } from '@headgate/journal/audit/sink';
import type { Clock } from '@headgate/runtime/clock';
import type { OnUnreadable } from '../client-error.ts';

/** Puts on record what was refused before it was a request: nobody knows who sent it, or what it asked for. */
export function auditUnreadable(sink: Pick<AuditSink, 'record'>, clock: Clock): OnUnreadable {
  return (refusal, requestId) =>
    sink.record({
      atMs: clock.epochMs(),
      requestId,
      keyId: undefined,
      address: undefined,
      method: OTHER,
      route: OTHER,
      status: refusal.httpStatus,
      reason: refusal.reason,
    });
}
