import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { SpanContext } from '@opentelemetry/api';
import { type AdmitOptions, admit } from './admit.ts';
import type { Tenant } from './cache/key.ts';
import type { Answerer } from './cache/response-cache.ts';
import type { Clock } from './clock.ts';
import type { Work } from './dispatch.ts';
import type { Payload } from './engine/protocol.ts';
import type { ItemResult } from './item.ts';
import { respond } from './respond.ts';

export interface InferCall {
  readonly request: ModelInferRequest__Output;
  /** Remaining budget, in ms. */
  readonly remainingMs: number;
  /** Whose answers of a cache may be used. */
  readonly tenant: Tenant;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
  readonly span: SpanContext | undefined;
}

export interface InferDeps extends AdmitOptions {
  readonly clock: Clock;
  readonly observer: InferObserver;
}

export interface InferObserver {
  /** A call succeeded. @param respondMs time to word the response */
  answered(model: string, version: string, results: readonly ItemResult[], respondMs: number): void;
}

/** Answers one ModelInfer call. @throws HeadgateError */
export type Infer = (call: InferCall) => Promise<ModelInferResponse>;

/**
 * The path of an image, or of a row of tensors, through this process:
 *
 *   admit     who serves it, can it be in time, is it well-formed      admit.ts, admission/, request.ts, tensor-request.ts
 *   (cache)   answers again what it knows; runs what many ask once     cache/response-cache.ts
 *   queue     by priority, until an engine has room                    queue.ts, dispatch.ts
 *   batch     decodes in the engine while the batch before it runs     batch.ts, lane.ts, engine/child/image/decode.ts
 *   run       one session run for the whole batch                      lane.ts, engine/child/image/session.ts
 *   respond   its own rows, with labels, or its own error              respond.ts, tensor-respond.ts
 */
export function createInfer({ clock, observer, ...options }: InferDeps): Infer {
  return async (call) => {
    const deadlineAtMs = clock.now() + call.remainingMs;
    const { serving, answerer, terms, items, outputs, sketch } = admit(options, call);
    const { signal, span } = call;
    const results = await runAll(answerer, items, { ...terms, sketch, deadlineAtMs, signal, span });
    const answeredAtMs = clock.now();
    const response = respond(serving.model, { id: call.request.id, outputs, results });
    const { name, version } = serving.model.manifest;
    observer.answered(name, version, results, clock.now() - answeredAtMs);
    return response;
  };
}

type Terms = Omit<Work, 'payload'>;

/**
 * Queues the items of one call, so that they share batches with those of other calls. The response has no room
 * for errors per item: the first one that fails takes its siblings with it, and its index is named.
 */
async function runAll(answerer: Answerer, items: readonly Payload[], terms: Terms): Promise<ItemResult[]> {
  const siblings = new AbortController();
  const signal = items.length > 1 ? AbortSignal.any([terms.signal, siblings.signal]) : terms.signal;
  const submit = async (payload: Payload, index: number) => {
    try {
      return await answerer.submit({ ...terms, payload, signal });
    } catch (error) {
      siblings.abort();
      throw items.length > 1 ? named(error, index) : error;
    }
  };
  return Promise.all(items.map(submit));
}

function named(error: unknown, index: number): unknown {
  if (!(error instanceof HeadgateError)) return error;
  const { reason, detail, cause, retryAfterMs } = error;
  const options = retryAfterMs === undefined ? { cause } : { cause, retryAfterMs };
  return new HeadgateError(reason, `inputs[0] element ${index}: ${detail}`, options);
}
