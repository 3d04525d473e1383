import type { Metadata, ServiceError } from '@grpc/grpc-js';
import {
  GRPC_CODE,
  HeadgateError,
  isReason,
  REASONS,
  type Reason,
  reasonOfGrpcCode,
} from '@headgate/contracts/errors';
import type { ModelStreamInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import { METADATA, STREAM } from '@headgate/contracts/names';
import type { Deadline } from '../deadline.ts';

/** What a caller reads when the failure did not come from Headgate's own inference (a dead pod, a proxy). */
const DETAIL: Partial<Record<Reason, string>> = {
  cancelled: 'The request was cancelled.',
  deadline_exceeded: 'The model did not answer before the deadline.',
  invalid_request: 'The model did not accept the request.',
  overloaded: 'The model has no room for another request right now. Please try again.',
  unavailable: 'The model is not available right now. Please try again.',
  unknown_model: 'The model is not served here.',
  unknown_version: 'The model version is not served here.',
};
const FALLBACK = 'The prediction failed. Please send the request id to the operator.';

/** A failure whose details are for the log only. */
export function failureOf(reason: Reason, cause: unknown): HeadgateError {
  return new HeadgateError(reason, DETAIL[reason] ?? FALLBACK, { cause });
}

/**
 * A failed gRPC call as one of our reasons. The `headgate-reason` trailer decides, and vouches for the details
 * being a sentence for callers; without it only the status code is believed and the details go to the log.
 */
export function fromServiceError(error: ServiceError, { over }: Pick<Deadline, 'over'>): HeadgateError {
  if (error.code === GRPC_CODE.CANCELLED && over) return over;
  const named = first(error.metadata, METADATA.reason);
  const options = { cause: error, ...retryAfter(first(error.metadata, METADATA.retryAfterMs)) };
  if (isReason(named) && REASONS[named].grpc === error.code) {
    return new HeadgateError(named, error.details, options);
  }
  const reason = reasonOfGrpcCode(error.code);
  return new HeadgateError(reason, DETAIL[reason] ?? FALLBACK, options);
}

/** A failed call of a stream, by the same rule: a sentence without a reason goes to the log. */
export function fromStreamAnswer(answer: ModelStreamInferResponse__Output): HeadgateError {
  const { error_message, infer_response } = answer;
  const { [STREAM.reason]: reason, [STREAM.retryAfterMs]: wait } = infer_response?.parameters ?? {};
  const named = reason?.string_param;
  if (!isReason(named)) return failureOf('internal', new Error(error_message));
  return new HeadgateError(named, error_message, retryAfter(wait?.int64_param));
}

/** Bounded, since a broken server must not send callers away for a day. */
function retryAfter(wait: string | number | undefined): { retryAfterMs?: number } {
  const ms = Number.parseInt(String(wait), 10);
  return ms >= 0 ? { retryAfterMs: Math.min(ms, 60_000) } : {};
}

function first(metadata: Metadata | undefined, key: string): string | undefined {
  return metadata?.get(key)[0]?.toString();
}
