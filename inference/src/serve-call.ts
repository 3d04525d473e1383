import { type HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { parseTraceparent } from '@headgate/contracts/trace-context';
import type { Logger } from '@headgate/runtime/logger';
import type { Tenant } from './cache/key.ts';
import type { Infer } from './pipeline.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { startInferSpan } from './telemetry/spans.ts';

/** One ModelInfer call as it arrived: a unary call, or a message of a stream. */
export interface Call {
  readonly request: ModelInferRequest__Output;
  /** Remaining budget, in ms. */
  readonly remainingMs: number;
  /** Whose answers of a cache may be used. Never cut, since two tenants must not become one. */
  readonly tenant: Tenant;
  readonly requestId: string | undefined;
  readonly variant: string | undefined;
  readonly traceparent: string | undefined;
  /** Name in the client certificate. */
  readonly peer: string | undefined;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
  /** Answers the call: it is counted and logged, and not run. */
  readonly refusal?: HeadgateError | undefined;
}

/** Answers one call. @throws HeadgateError */
export type ServeCall = (call: Call) => Promise<ModelInferResponse>;

export interface ServeCallOptions {
  readonly infer: Infer;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Runs a call between its span, its metrics and its log line. */
export function createServeCall({ infer, metrics, log }: ServeCallOptions): ServeCall {
  return async (call) => {
    const startedMs = performance.now();
    const { request, requestId, variant, peer } = call;
    const { model_name: model, model_version: version } = request;
    const trace = parseTraceparent(call.traceparent);
    const span = startInferSpan(trace, request);
    const finish = (error?: HeadgateError) => {
      span.end(error);
      const durationMs = performance.now() - startedMs;
      const outcome = error?.reason ?? 'ok';
      metrics.requestFinished({ model, version, outcome, durationMs });
      const line = {
        request_id: requestId,
        trace_id: trace?.traceId,
        model,
        version,
        variant,
        peer,
        outcome,
        duration_ms: Math.round(durationMs),
      };
      if (error?.reason === 'internal') log.error({ ...line, err: error }, 'inference failed');
      else log.info(error?.cause === undefined ? line : { ...line, cause: String(error.cause) }, 'inference');
    };
    try {
      if (call.refusal) throw call.refusal;
      const response = await infer({ ...call, span: span.context });
      finish();
      return response;
    } catch (thrown) {
      const error = toHeadgateError(thrown);
      finish(error);
      throw error;
    }
  };
}
