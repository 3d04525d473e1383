import { Metadata } from '@grpc/grpc-js';
import { HeadgateError } from '@headgate/contracts/errors';
import type { GRPCInferenceServiceClient } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { METADATA } from '@headgate/contracts/names';
import { formatTraceparent } from '@headgate/contracts/trace-context';
import { fromAbort } from './abort.ts';
import type { Channels } from './channels.ts';
import { fromServiceError } from './grpc-errors.ts';
import { fromInferResponse, toInferRequest } from './infer-messages.ts';
import type { PredictCall, Prediction, Predictor } from './predictor.ts';

/** Forwards each image as one ModelInfer call; the batcher on the other side joins them again. */
export function grpcPredictor(channels: Channels): Predictor {
  return {
    predict: async (call) => decode(await channels.run((client) => attempt(client, call))),
  };
}

/**
 * One attempt on one connection. The remaining budget is the gRPC deadline, and the caller's signal cancels the
 * call down to its place in the queue (decision D4).
 */
function attempt(client: GRPCInferenceServiceClient, call: PredictCall): Promise<ModelInferResponse__Output> {
  const { signal } = call;
  if (signal.aborted) return Promise.reject(fromAbort(signal));
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + call.remainingMs;
    const rpc = client.ModelInfer(toInferRequest(call), metadataOf(call), { deadline }, (error, response) => {
      signal.removeEventListener('abort', cancel);
      if (response) resolve(response);
      else reject(error ? fromServiceError(error, signal) : new TypeError('neither error nor response'));
    });
    const cancel = () => rpc.cancel();
    signal.addEventListener('abort', cancel, { once: true });
  });
}

function metadataOf({ requestId, variant, trace }: PredictCall): Metadata {
  const metadata = new Metadata();
  metadata.set(METADATA.requestId, requestId);
  metadata.set(METADATA.traceparent, formatTraceparent(trace));
  if (variant !== null) metadata.set(METADATA.variant, variant);
  return metadata;
}

function decode(response: ModelInferResponse__Output): Prediction {
  try {
    return fromInferResponse(response);
  } catch (cause) {
    const detail =
      'The model gave an answer that cannot be read. Please send the request id to the operator.';
    throw new HeadgateError('internal', detail, { cause });
  }
}
