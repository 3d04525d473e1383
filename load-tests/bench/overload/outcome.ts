import { GRPC_CODE } from '@headgate/contracts/errors';

/**
 * `refused`: told that there is no room. `expired`: accepted, but no answer in time. `failed`: anything else that
 * is no answer: a server's own error, a broken connection.
 */
export type OutcomeKind = 'ok' | 'refused' | 'expired' | 'failed';

const REFUSALS = ['429', '503', String(GRPC_CODE.RESOURCE_EXHAUSTED), String(GRPC_CODE.UNAVAILABLE)];
const EXPIRIES = ['504', String(GRPC_CODE.DEADLINE_EXCEEDED), String(GRPC_CODE.CANCELLED)];

/** What an outcome of the sender means under overload. */
export function kindOf(outcome: string): OutcomeKind {
  if (outcome === 'ok') return 'ok';
  if (outcome.endsWith('client gave up')) return 'expired';
  const [code = ''] = outcome.split(' ');
  if (REFUSALS.includes(code)) return 'refused';
  if (EXPIRIES.includes(code)) return 'expired';
  return 'failed';
}
