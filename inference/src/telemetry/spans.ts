import type { HeadgateError } from '@headgate/contracts/errors';
import { ATTRIBUTE, SPAN } from '@headgate/contracts/names';
import type { TraceContext } from '@headgate/contracts/trace-context';
import {
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import type { Batch } from '../batch.ts';
import { predictionIds } from '../prediction-ids.ts';

const TRACER = 'headgate.inference';

export interface InferSpan {
  /** For the links of the batch span; undefined when this call is not traced. */
  readonly context: SpanContext | undefined;
  end(error?: HeadgateError): void;
}

export type StartInferSpan = (
  parent: TraceContext | undefined,
  call: { readonly model_name: string; readonly model_version: string },
  ids: { readonly requestId: string | undefined; readonly prediction: string | undefined },
) => InferSpan;

/** Where no tracing is configured: the no-op spans of OpenTelemetry cost more than the routing of a call. */
export const startNoSpan: StartInferSpan = () => NO_SPAN;
const NO_SPAN: InferSpan = { context: undefined, end: () => {} };

/** Server span of one ModelInfer call, as a child of the caller's. */
export const startInferSpan: StartInferSpan = (parent, call, { requestId, prediction }) => {
  const context = parent ? trace.setSpanContext(ROOT_CONTEXT, remote(parent)) : ROOT_CONTEXT;
  const { id, index } = predictionIds(prediction);
  const attributes = {
    [ATTRIBUTE.model]: call.model_name,
    [ATTRIBUTE.version]: call.model_version,
    ...(requestId !== undefined && { [ATTRIBUTE.requestId]: requestId }),
    ...(id !== undefined && { [ATTRIBUTE.predictionId]: id, [ATTRIBUTE.index]: index }),
  };
  const span = trace.getTracer(TRACER).startSpan(SPAN.infer, { kind: SpanKind.SERVER, attributes }, context);
  return {
    context: span.isRecording() ? span.spanContext() : undefined,
    end: (error) => {
      if (error) {
        span.setAttribute(ATTRIBUTE.reason, error.reason);
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.detail });
      }
      span.end();
    },
  };
};

/** One span for a whole batch, linked to the span of each request that is part of it. */
export function startBatchSpan(
  model: string,
  version: string,
  batch: Batch,
): (error?: HeadgateError) => void {
  const links = batch.members.flatMap(({ item }) => (item.span ? [{ context: item.span }] : []));
  if (links.length === 0) return () => {};
  const attributes = {
    [ATTRIBUTE.model]: model,
    [ATTRIBUTE.version]: version,
    [ATTRIBUTE.batchSize]: batch.members.length,
  };
  // A child of its first request, so that it is sampled when one of its requests is; the links name the others.
  const parent = trace.setSpanContext(ROOT_CONTEXT, (links[0] as { context: SpanContext }).context);
  const span = trace.getTracer(TRACER).startSpan(SPAN.batch, { attributes, links }, parent);
  return (error) => {
    if (error) span.setStatus({ code: SpanStatusCode.ERROR, message: error.detail });
    span.end();
  };
}

function remote({ traceId, spanId, sampled }: TraceContext): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}
