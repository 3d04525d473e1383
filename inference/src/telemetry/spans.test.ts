import { HeadgateError } from '@headgate/contracts/errors';
import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Batch } from '../batch.ts';
import { itemOf } from '../testing/items.ts';
import { startBatchSpan, startInferSpan } from './spans.ts';

const PARENT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true };
const CALL = { model_name: 'm', model_version: '1' };
let exporter: InMemorySpanExporter;

beforeEach(() => {
  exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
});
afterEach(() => trace.disable());

/** As a call of the gateway has them. */
const IDS = { requestId: 'r-1', prediction: '01a205d8-12eb-78c0-97f2-d08ae8e9b6da/3' };

/** A batch whose members have the given spans. */
function batchOf(...spans: ReturnType<typeof startInferSpan>['context'][]): Batch {
  const members = spans.map((span, id) => ({
    decodeMs: 1,
    item: itemOf(id, { span }),
  }));
  return { members, reason: 'idle' };
}

describe('startInferSpan', () => {
  it('continues the trace of the caller', () => {
    const span = startInferSpan(PARENT, CALL, IDS);
    span.end(new HeadgateError('overloaded', 'full'));
    const [finished] = exporter.getFinishedSpans();
    expect(finished?.spanContext().traceId).toBe(PARENT.traceId);
    expect(finished?.parentSpanContext?.spanId).toBe(PARENT.spanId);
    expect(finished?.attributes).toMatchObject({
      'headgate.model': 'm',
      'headgate.reason': 'overloaded',
      'headgate.request_id': 'r-1',
      'headgate.prediction_id': '01a205d8-12eb-78c0-97f2-d08ae8e9b6da',
      'headgate.index': 3,
    });
  });

  it('begins a trace for a caller who has none', () => {
    startInferSpan(undefined, CALL, IDS).end();
    expect(exporter.getFinishedSpans()).toHaveLength(1);
  });

  it('has no context to link to while nobody traces', () => {
    trace.disable();
    expect(startInferSpan(PARENT, CALL, IDS).context).toBeUndefined();
  });
});

describe('startBatchSpan', () => {
  it('is one span for the batch, linked to the span of each of its requests', () => {
    const [first, second] = [startInferSpan(PARENT, CALL, IDS), startInferSpan(undefined, CALL, IDS)];
    startBatchSpan('m', '1', batchOf(first.context, undefined, second.context))();
    const [batch] = exporter.getFinishedSpans();
    expect(batch?.links.map(({ context }) => context.spanId)).toEqual([
      first.context?.spanId,
      second.context?.spanId,
    ]);
    expect(batch?.attributes).toMatchObject({ 'headgate.batch_size': 3 });
    expect(batch?.spanContext().traceId).toBe(PARENT.traceId);
  });

  it('does not exist for a batch that nobody traces', () => {
    startBatchSpan('m', '1', batchOf(undefined))();
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});
