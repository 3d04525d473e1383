import { ATTRIBUTE } from '@headgate/contracts/names';
import { childOf, type TraceContext } from '@headgate/contracts/trace-context';
import {
  isSpanContextValid,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { OpenSpan } from './telemetry.ts';

/**
 * Opens a server span. Without a tracing SDK the API hands back the caller's own context, or none: then the trace
 * goes on (or begins) with a span id of ours, so that logs and upstream calls have one all the same.
 */
export function openSpan(tracer: Tracer, name: string, parent: TraceContext | undefined): OpenSpan {
  const around = parent ? trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent)) : ROOT_CONTEXT;
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, around);
  const own = span.spanContext();
  const isOwn = isSpanContextValid(own) && own.spanId !== parent?.spanId;
  return {
    context: isOwn ? fromSpanContext(own) : childOf(parent),
    end({ status, reason }) {
      span.setAttribute('http.response.status_code', status);
      if (reason !== undefined) span.setAttribute(ATTRIBUTE.reason, reason);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function toSpanContext({ traceId, spanId, sampled }: TraceContext): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

function fromSpanContext({ traceId, spanId, traceFlags }: SpanContext): TraceContext {
  return { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
}
