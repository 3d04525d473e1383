import type { handleUnaryCall, Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { METADATA } from '@headgate/contracts/names';
import { callerOf } from './auditor.ts';
import { toStatus } from './errors.ts';
import { type Infer, MAX_TEXT } from './pipeline.ts';

type UnaryCall = ServerUnaryCall<ModelInferRequest__Output, ModelInferResponse>;

/** ModelInfer: deadline, cancellation and metadata of gRPC in; response or status out. */
export function createUnaryInfer(
  infer: Infer,
  defaultDeadlineMs: number,
): handleUnaryCall<ModelInferRequest__Output, ModelInferResponse> {
  return async (call, callback) => {
    const { request, metadata } = call;
    try {
      const response = await infer({
        request,
        remainingMs: remainingOf(call, defaultDeadlineMs),
        tenant: textOf(metadata, METADATA.tenant),
        requestId: textOf(metadata, METADATA.requestId)?.slice(0, MAX_TEXT),
        prediction: textOf(metadata, METADATA.prediction)?.slice(0, MAX_TEXT),
        variant: textOf(metadata, METADATA.variant)?.slice(0, MAX_TEXT),
        traceparent: textOf(metadata, METADATA.traceparent),
        peer: callerOf(metadata),
        signal: signalOf(call),
      });
      callback(null, response);
    } catch (error) {
      callback(toStatus(error));
    }
  };
}

/** gRPC turns the caller's timeout into a wall-clock time; what counts here is how much of it is left, in ms. */
function remainingOf(call: UnaryCall, defaultMs: number): number {
  const deadline = call.getDeadline();
  const atMs = typeof deadline === 'number' ? deadline : deadline.getTime();
  return Number.isFinite(atMs) ? atMs - Date.now() : defaultMs;
}

/** Aborted when the caller cancels or its connection ends. */
function signalOf(call: UnaryCall): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.on('cancelled', () => controller.abort());
  return controller.signal;
}

export function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return value === undefined ? undefined : String(value);
}
