import { type CallOptions, type ClientUnaryCall, Metadata, type requestCallback } from '@grpc/grpc-js';
import type { GRPCInferenceServiceClient } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import { METADATA } from '@headgate/contracts/names';
import { formatTraceparent } from '@headgate/contracts/trace-context';
import { fromServiceError } from './failure.ts';
import type { SentContext } from './inference.ts';

/** Starts one call of the client; what it takes in addition to its request is passed in. */
export type Method<Response> = (
  client: GRPCInferenceServiceClient,
  metadata: Metadata,
  options: CallOptions,
  done: requestCallback<Response>,
) => ClientUnaryCall;

export interface UnaryOptions {
  readonly context: SentContext;
  /** Sent in addition to what the context says. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** One unary call. The remaining budget is the gRPC deadline, and its end cancels. @throws HeadgateError */
export function unaryCall<Response>(
  client: GRPCInferenceServiceClient,
  method: Method<Response>,
  { context, metadata }: UnaryOptions,
): Promise<Response> {
  const { deadline } = context;
  if (deadline.over) return Promise.reject(deadline.over);
  return new Promise((resolve, reject) => {
    const done: requestCallback<Response> = (error, response) => {
      release();
      if (response) resolve(response);
      else reject(error ? fromServiceError(error, deadline) : new TypeError('neither error nor response'));
    };
    const options = { deadline: Date.now() + deadline.remainingMs() };
    const rpc = method(client, metadataOf(context, metadata), options, done);
    const release = deadline.onOver(() => rpc.cancel());
  });
}

function metadataOf(
  { requestId, prediction, tenant, variant, trace }: SentContext,
  more: UnaryOptions['metadata'] = {},
): Metadata {
  const metadata = Metadata.fromHttp2Headers(more);
  metadata.set(METADATA.requestId, requestId);
  if (prediction !== undefined) metadata.set(METADATA.prediction, prediction);
  metadata.set(METADATA.traceparent, formatTraceparent(trace));
  if (tenant !== null) metadata.set(METADATA.tenant, tenant);
  if (variant !== null) metadata.set(METADATA.variant, variant);
  return metadata;
}
