import type { handleUnaryCall, Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { type HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { METADATA } from '@headgate/contracts/names';
import { parseTraceparent } from '@headgate/contracts/trace-context';
import type { Logger } from '@headgate/runtime/logger';
import type { Tenant } from './cache/key.ts';
import { callerOf } from './caller.ts';
import { toStatus } from './errors.ts';
import type { Infer } from './pipeline.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { startInferSpan } from './telemetry/spans.ts';

export interface InferHandlerOptions {
  readonly infer: Infer;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Deadline of a call that has none, in ms. */
  readonly defaultDeadlineMs: number;
}

type Call = ServerUnaryCall<ModelInferRequest__Output, ModelInferResponse>;

/** ModelInfer at the edge of gRPC: deadline, cancellation, trace and request id in; response or status out. */
export function createInferHandler(
  options: InferHandlerOptions,
): handleUnaryCall<ModelInferRequest__Output, ModelInferResponse> {
  const { infer, metrics, log } = options;
  return async (call, callback) => {
    const startedMs = performance.now();
    const { request } = call;
    const trace = parseTraceparent(text(call.metadata, METADATA.traceparent));
    const span = startInferSpan(trace, request);
    const finish = (error?: HeadgateError) => {
      span.end(error);
      const durationMs = performance.now() - startedMs;
      const { model_name: model, model_version: version } = request;
      const outcome = error?.reason ?? 'ok';
      metrics.requestFinished({ model, version, outcome, durationMs });
      const line = {
        request_id: text(call.metadata, METADATA.requestId),
        trace_id: trace?.traceId,
        model,
        version,
        variant: text(call.metadata, METADATA.variant),
        peer: callerOf(call.metadata),
        outcome,
        duration_ms: Math.round(durationMs),
      };
      if (error?.reason === 'internal') log.error({ ...line, err: error }, 'inference failed');
      else log.info(error?.cause === undefined ? line : { ...line, cause: String(error.cause) }, 'inference');
    };
    try {
      const remainingMs = remainingOf(call, options.defaultDeadlineMs);
      const response = await infer({
        request,
        remainingMs,
        tenant: tenantOf(call.metadata),
        signal: signalOf(call),
        span: span.context,
      });
      finish();
      callback(null, response);
    } catch (thrown) {
      const error = toHeadgateError(thrown);
      finish(error);
      callback(toStatus(error));
    }
  };
}

/** gRPC turns the caller's timeout into a wall-clock time; what counts here is how much of it is left, in ms. */
function remainingOf(call: Call, defaultMs: number): number {
  const deadline = call.getDeadline();
  const atMs = typeof deadline === 'number' ? deadline : deadline.getTime();
  return Number.isFinite(atMs) ? atMs - Date.now() : defaultMs;
}

/** Aborted when the caller cancels or its connection ends. */
function signalOf(call: Call): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.on('cancelled', () => controller.abort());
  return controller.signal;
}

/** Never cut, since two tenants must not become one; the bound on metadata is that of HTTP/2. */
function tenantOf(metadata: Metadata): Tenant {
  const [value] = metadata.get(METADATA.tenant);
  return value === undefined ? undefined : String(value);
}

function text(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return value === undefined ? undefined : String(value).slice(0, MAX_TEXT);
}

/** Longer values are cut before they are logged. */
const MAX_TEXT = 256;
