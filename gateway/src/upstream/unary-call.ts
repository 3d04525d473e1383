import { type CallOptions, type ClientUnaryCall, Metadata, type requestCallback } from '@grpc/grpc-js';
import type { GRPCInferenceServiceClient } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import { METADATA } from '@headgate/contracts/names';
import { formatTraceparent } from '@headgate/contracts/trace-context';
import { fromAbort } from './abort.ts';
import { fromServiceError } from './grpc-errors.ts';
import type { CallContext } from './open-inference.ts';

/** What a method of the client takes besides its request. */
export interface CallArguments<Response> {
  readonly metadata: Metadata;
  readonly options: CallOptions;
  readonly done: requestCallback<Response>;
}

export type Method<Response> = (
  client: GRPCInferenceServiceClient,
  call: CallArguments<Response>,
) => ClientUnaryCall;

/**
 * One attempt on one connection. The remaining budget is the gRPC deadline, and the caller's signal cancels the
 * call down to its place in the queue (decision D4).
 *
 * @throws HeadgateError
 */
export function unaryCall<Response>(
  client: GRPCInferenceServiceClient,
  context: CallContext,
  method: Method<Response>,
): Promise<Response> {
  const { signal, remainingMs } = context;
  if (signal.aborted) return Promise.reject(fromAbort(signal));
  return new Promise((resolve, reject) => {
    const done: requestCallback<Response> = (error, response) => {
      signal.removeEventListener('abort', cancel);
      if (response) resolve(response);
      else reject(error ? fromServiceError(error, signal) : new TypeError('neither error nor response'));
    };
    const options = { deadline: Date.now() + remainingMs };
    const rpc = method(client, { metadata: metadataOf(context), options, done });
    const cancel = () => rpc.cancel();
    signal.addEventListener('abort', cancel, { once: true });
  });
}

function metadataOf({ requestId, tenant, variant, trace }: CallContext): Metadata {
  const metadata = new Metadata();
  metadata.set(METADATA.requestId, requestId);
  metadata.set(METADATA.traceparent, formatTraceparent(trace));
  if (tenant !== null) metadata.set(METADATA.tenant, tenant);
  if (variant !== null) metadata.set(METADATA.variant, variant);
  return metadata;
}
