import { HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { DecodeCost } from '@headgate/contracts/image/decode-cost';
import { parseTraceparent, type TraceContext } from '@headgate/contracts/trace-context';
import type { TimerClock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import { type AdmitOptions, admit } from './admit.ts';
import type { Tenant } from './cache/key.ts';
import type { Answerer } from './cache/response-cache.ts';
import type { Work } from './dispatch.ts';
import type { ItemResult } from './item.ts';
import type { Catalogue } from './models/catalogue.ts';
import { predictionIds } from './prediction-ids.ts';
import { requireFits, respond } from './respond.ts';
import type { InferSpan, StartInferSpan } from './telemetry/spans.ts';
import type { Statistics } from './telemetry/statistics.ts';

/** Longer values of a caller are cut before they are logged. */
export const MAX_TEXT = 256;

/** One ModelInfer call as it arrived: a unary call, or a message of a stream. */
export interface Call {
  readonly request: ModelInferRequest__Output;
  /** Remaining budget, in ms. */
  readonly remainingMs: number;
  /** Whose answers of a cache may be used. Never cut, since two tenants must not become one. */
  readonly tenant: Tenant;
  readonly requestId: string | undefined;
  /** `ID/INDEX`: the prediction of a gateway that it is for. */
  readonly prediction: string | undefined;
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
export type Infer = (call: Call) => Promise<ModelInferResponse>;

export interface InferDeps extends Omit<AdmitOptions, 'find'> {
  readonly catalogue: Pick<Catalogue, 'serving' | 'counters'>;
  readonly statistics: Statistics;
  readonly startSpan: StartInferSpan;
  /** Largest response message, in bytes. */
  readonly maxAnswerBytes: number;
  readonly clock: TimerClock;
  readonly log: Logger;
  /** Whether the success of a call is logged. */
  readonly logsSuccess: (traceId: string | undefined) => boolean;
}

/**
 * The path of an image, or of a row of tensors, through this process:
 *
 *   admit     who serves it, can it be in time, is it well-formed      admit.ts, admission/, request.ts, tensor-request.ts
 *   (cache)   answers again what it knows; runs what many ask once     cache/response-cache.ts
 *   queue     by priority, until an engine has room                    queue.ts, dispatch.ts
 *   batch     decodes in the engine while the batch before it runs     batch.ts, lane.ts, engine/child/
 *   run       one session run for the whole batch                      lane.ts, engine/child/
 *   respond   its own rows, with labels, or its own error              respond.ts
 *
 * Each call is counted, logged and traced once, whatever its outcome.
 */
export function createInfer(deps: InferDeps): Infer {
  return async (call) => {
    const startedMs = deps.clock.monotonicMs();
    const trace = parseTraceparent(call.traceparent);
    const span = deps.startSpan(trace, call.request, call);
    try {
      const response = await answer(deps, call, span);
      finish(deps, call, { span, trace, startedMs });
      return response;
    } catch (thrown) {
      const error = toHeadgateError(thrown);
      finish(deps, call, { span, trace, startedMs, error });
      throw error;
    }
  };
}

async function answer(
  { catalogue, maxStrings, maxPixels, maxAnswerBytes, clock }: InferDeps,
  call: Call,
  { context }: InferSpan,
): Promise<ModelInferResponse> {
  if (call.refusal) throw call.refusal;
  const { request, signal } = call;
  const deadlineAtMs = clock.monotonicMs() + call.remainingMs;
  const find = (model: string, version: string) => catalogue.serving(model, version);
  const { serving, answerer, terms, items, costs, share, outputs, sketch } = admit(
    { find, maxStrings, maxPixels },
    call,
  );
  const work = { ...terms, share, sketch, deadlineAtMs, signal, span: context };
  const works = items.map((payload, i) => ({ ...work, payload, cost: costs[i] as DecodeCost }));
  const results = await (works.length === 1
    ? [await answerer.submit(works[0] as Work)]
    : runAll(answerer, works, signal));
  const answeredAtMs = clock.monotonicMs();
  const response = respond(serving.model, { id: request.id, outputs, results });
  requireFits(response, maxAnswerBytes);
  serving.counters.answered(results, clock.monotonicMs() - answeredAtMs);
  return response;
}

/**
 * Queues the items of one call, so that they share batches with those of other calls. The response has no room
 * for errors per item: the first one that fails takes its siblings with it, and its index is named.
 */
async function runAll(
  answerer: Answerer,
  works: readonly Work[],
  caller: AbortSignal,
): Promise<ItemResult[]> {
  const siblings = new AbortController();
  const signal = AbortSignal.any([caller, siblings.signal]);
  const submit = async (work: Work, index: number) => {
    try {
      return await answerer.submit({ ...work, signal });
    } catch (error) {
      siblings.abort();
      throw named(error, index);
    }
  };
  return Promise.all(works.map(submit));
}

function named(error: unknown, index: number): unknown {
  if (!(error instanceof HeadgateError)) return error;
  const { reason, detail, cause, retryAfterMs } = error;
  const options = retryAfterMs === undefined ? { cause } : { cause, retryAfterMs };
  return new HeadgateError(reason, `inputs[0] element ${index}: ${detail}`, options);
}

interface End {
  readonly span: InferSpan;
  readonly trace: TraceContext | undefined;
  /** Monotonic, in ms. */
  readonly startedMs: number;
  readonly error?: HeadgateError;
}

function finish(deps: InferDeps, call: Call, end: End): void {
  const { catalogue, statistics, clock, log } = deps;
  const { request, requestId, prediction, variant, peer } = call;
  const { model_name: model, model_version: version } = request;
  const { span, trace, startedMs, error } = end;
  span.end(error);
  const durationMs = clock.monotonicMs() - startedMs;
  const outcome = error?.reason ?? 'ok';
  statistics.callEnded(catalogue.counters(model, version), outcome, durationMs);
  if (!error && !deps.logsSuccess(trace?.traceId)) return;
  const line = {
    ...predictionIds(prediction),
    request_id: requestId,
    trace_id: trace?.traceId,
    model: model.slice(0, MAX_TEXT),
    version: version.slice(0, MAX_TEXT),
    variant,
    peer,
    outcome,
    duration_ms: Math.round(durationMs),
  };
  if (outcome === 'internal') log.error({ ...line, err: error }, 'inference failed');
  else log.info(error?.cause === undefined ? line : { ...line, cause: String(error.cause) }, 'inference');
}
