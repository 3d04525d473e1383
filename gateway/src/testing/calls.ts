import { systemClock } from '@headgate/runtime/clock';
import { RequestDeadline } from '../deadline.ts';
import { Pool } from '../upstream/connection.ts';
import type { CallContext } from '../upstream/inference.ts';

/** What travels with a call of a test. */
export function callContext(changes: Partial<CallContext> = {}): CallContext {
  return {
    requestId: 'r-1',
    tenant: null,
    variant: null,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true },
    deadline: deadlineIn(5000),
    ...changes,
  };
}

/** The deadline of a request that has so much time. */
export function deadlineIn(ms: number): RequestDeadline {
  return new RequestDeadline({ startedAtMs: systemClock.monotonicMs(), budgetMs: ms }, systemClock);
}

/** Connections to an endpoint of a test. */
export function poolOf(port: number, renewMs = Number.POSITIVE_INFINITY): Pool {
  return new Pool(`127.0.0.1:${port}`, { messageBytes: 12 * 2 ** 20, renewMs });
}
