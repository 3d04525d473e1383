import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { Serving } from './models/deployment.ts';
import { type ImageRequest, readImageRequest } from './request.ts';

/** Finds who serves a model version; '' is the control version. @throws HeadgateError when nobody does right now */
export type FindServing = (model: string, version: string) => Serving;

/** A request that may go on: who serves it and what it asks. */
export interface Admitted extends ImageRequest {
  readonly serving: Serving;
}

export interface AdmitCall {
  readonly request: ModelInferRequest__Output;
  /** Remaining budget, in ms. */
  readonly remainingMs: number;
}

/**
 * First stage: settles everything that can be refused before any work is done for it: unknown or unready version,
 * malformed tensors, a deadline that has passed, a full queue.
 *
 * @throws HeadgateError
 */
export function admit(find: FindServing, { request, remainingMs }: AdmitCall): Admitted {
  if (request.model_name === '') {
    throw new HeadgateError('invalid_request', 'model_name: expected the name of a model.');
  }
  const serving = find(request.model_name, request.model_version);
  const { manifest } = serving.model;
  const name = manifest.image?.input;
  if (name === undefined) throw new Error(`${manifest.name} has no image section`);
  const asked = readImageRequest(request, { name, maxBatchSize: manifest.batching.max_batch_size });
  if (remainingMs <= 0) {
    throw new HeadgateError('deadline_exceeded', 'The deadline had passed when the request arrived.');
  }
  serving.dispatcher.admit(asked.images.length);
  return { serving, ...asked };
}
