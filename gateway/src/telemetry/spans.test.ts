import { parseTraceparent } from '@headgate/contracts/trace-context';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { describe, expect, it } from 'vitest';
import { openSpan } from './create-telemetry.ts';

const CALLER = parseTraceparent(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);

describe('openSpan without a tracing SDK', () => {
  const tracer = trace.getTracer('test');

  it('goes on with the trace of the caller, under a span id of its own', () => {
    const { context } = openSpan(tracer, 'request', CALLER);
    expect(context).toMatchObject({ traceId: CALLER?.traceId, sampled: true });
    expect(context.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(context.spanId).not.toBe(CALLER?.spanId);
  });

  it('begins a trace, not sampled, when the caller has none', () => {
    const { context } = openSpan(tracer, 'request', undefined);
    expect(context).toEqual({
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      sampled: false,
    });
  });
});

describe('openSpan with a tracing SDK', () => {
  it('records a server span as a child of the caller, with the outcome, and passes it on', () => {
    const exporter = new InMemorySpanExporter();
    const tracer = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer(
      'test',
    );
    const open = openSpan(tracer, 'request', CALLER);
    open.end({ status: 503, reason: 'overloaded', requestId: 'r-1', predictionId: 'p-1', route: '/predict' });
    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({
      name: 'request',
      kind: SpanKind.SERVER,
      parentSpanContext: { spanId: CALLER?.spanId },
      status: { code: SpanStatusCode.ERROR },
      attributes: {
        'http.response.status_code': 503,
        'headgate.reason': 'overloaded',
        'headgate.request_id': 'r-1',
        'headgate.prediction_id': 'p-1',
        'http.route': '/predict',
      },
    });
    expect(open.context).toEqual({
      traceId: CALLER?.traceId,
      spanId: span?.spanContext().spanId,
      sampled: true,
    });
  });
});
