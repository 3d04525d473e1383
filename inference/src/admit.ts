import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { Payload } from './engine/protocol.ts';
import type { Serving } from './models/deployment.ts';
import { checkParameters } from './parameters.ts';
import { readImageRequest } from './request.ts';
import { readTensorRequest } from './tensor-request.ts';

/** Finds who serves a model version; '' is the control version. @throws HeadgateError when nobody does right now */
export type FindServing = (model: string, version: string) => Serving;

/** A request that may go on: who serves it and what it asks. */
export interface Admitted {
  readonly serving: Serving;
  /** At least one. */
  readonly items: readonly Payload[];
  /** Names of the outputs, in the order in which they are answered. */
  readonly outputs: readonly string[];
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
  checkParameters(request);
  const serving = find(request.model_name, request.model_version);
  const { items, outputs } = read(request, serving);
  if (remainingMs <= 0) {
    throw new HeadgateError('deadline_exceeded', 'The deadline had passed when the request arrived.');
  }
  serving.dispatcher.admit(items.length);
  return { serving, items, outputs };
}

function read(request: ModelInferRequest__Output, { model }: Serving): Omit<Admitted, 'serving'> {
  const { manifest } = model;
  if (!manifest.image) return readTensorRequest(request, manifest);
  const expected = { name: manifest.image.input, maxBatchSize: manifest.batching.max_batch_size };
  const { images, outputs } = readImageRequest(request, expected);
  return { items: images, outputs };
}
