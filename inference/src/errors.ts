import { Metadata, type ServerErrorResponse } from '@grpc/grpc-js';
import { HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import { METADATA } from '@headgate/contracts/names';

/** The error while no engine of a version can take work. */
export function unavailable(detail: string, retryAfterMs: number, cause?: unknown): HeadgateError {
  return new HeadgateError('unavailable', detail, { retryAfterMs, cause });
}

/** An engine that crashed is usually back after about this time, in ms. */
export const RESTART_MS = 1_000;

/** The error of what an engine had when it ended. */
export function engineEnded(cause: string): HeadgateError {
  return unavailable('The engine ended while it had this item; please try again.', RESTART_MS, cause);
}

/** A thrown error as a gRPC status: code, safe sentence, and trailers with the reason and when to try again. */
export function toStatus(thrown: unknown): Partial<ServerErrorResponse> {
  const error = toHeadgateError(thrown);
  const metadata = new Metadata();
  metadata.set(METADATA.reason, error.reason);
  if (error.retryAfterMs !== undefined) {
    metadata.set(METADATA.retryAfterMs, String(Math.ceil(error.retryAfterMs)));
  }
  return { code: error.grpcCode, details: error.detail, metadata };
}
