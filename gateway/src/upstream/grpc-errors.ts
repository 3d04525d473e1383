import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { HeadgateError, isReason, REASONS, type Reason, reasonOfGrpcCode } from '@headgate/contracts/errors';
import { METADATA } from '@headgate/contracts/names';
import { fromAbort } from './abort.ts';

/** What a caller reads when the status did not come from Headgate's own inference (a dead pod, a proxy). */
const DETAIL: Partial<Record<Reason, string>> = {
  cancelled: 'The request was cancelled.',
  deadline_exceeded: 'The model did not answer before the deadline.',
  invalid_request: 'The model did not accept the request.',
  overloaded: 'The model has no room for another request right now. Please try again.',
  unavailable: 'The model is not available right now. Please try again.',
  unknown_model: 'The model is not served here.',
};
const FALLBACK = 'The prediction failed. Please send the request id to the operator.';

/**
 * A failed gRPC call as one of our reasons. The `headgate-reason` trailer decides, and vouches for the details
 * being a sentence for callers; without it only the status code is believed and the details go to the log.
 */
export function fromServiceError(error: ServiceError, signal: AbortSignal): HeadgateError {
  if (error.code === status.CANCELLED && signal.aborted) return fromAbort(signal, error);
  const retryAfterMs = retryAfterOf(error.metadata);
  const options = retryAfterMs === undefined ? { cause: error } : { cause: error, retryAfterMs };
  const named = error.metadata?.get(METADATA.reason)[0];
  if (isReason(named) && REASONS[named].grpc === error.code) {
    return new HeadgateError(named, error.details, options);
  }
  const reason = reasonOfGrpcCode(error.code);
  return new HeadgateError(reason, DETAIL[reason] ?? FALLBACK, options);
}

/** Bounded, since a broken server must not send callers away for a day. */
function retryAfterOf(metadata: Metadata | undefined): number | undefined {
  const text = metadata?.get(METADATA.retryAfterMs)[0];
  const ms = typeof text === 'string' ? Number.parseInt(text, 10) : Number.NaN;
  return ms >= 0 ? Math.min(ms, 60_000) : undefined;
}
