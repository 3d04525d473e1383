import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import {
  type DecodeCost,
  decodeCost,
  MAX_DECODE_WORK,
  NO_DECODE,
  tooCostly,
} from '@headgate/contracts/image/decode-cost';
import { imageTypeOf, readImageHeader } from '@headgate/contracts/image/header';
import type { Tenant } from './cache/key.ts';
import type { Answerer } from './cache/response-cache.ts';
import { scaledFrom } from './engine/child/image/vips.ts';
import type { Payload } from './engine/protocol.ts';
import type { Serving } from './models/deployment.ts';
import { checkParameters, isBackground, type QueueTerms, queueTerms, wantsSketch } from './parameters.ts';
import { readImageRequest } from './request.ts';
import { readTensorRequest } from './tensor-request.ts';

/** Finds a model version that can take work; '' is the control version. @throws HeadgateError when there is none */
type FindServing = (model: string, version: string) => Serving;

/** A request that may go on: who serves it, how it waits, and what it asks. */
export interface Admitted {
  readonly serving: Serving;
  readonly terms: QueueTerms;
  /** Who answers the items: the dispatcher, or a cache before it. */
  readonly answerer: Answerer;
  /** At least one. */
  readonly items: readonly Payload[];
  /** What decoding each of them takes. */
  readonly costs: readonly DecodeCost[];
  /** Whose share of the engines they take. */
  readonly share: string;
  /** Names of the outputs, in the order in which they are answered. */
  readonly outputs: readonly string[];
  /** Answer sketches of the items too. */
  readonly sketch: boolean;
}

export interface AdmitOptions {
  readonly find: FindServing;
  /** Most elements of datatype BYTES in a call to a tensor model. */
  readonly maxStrings: number;
  /** Most pixels of an image: engines refuse more by the header, too. */
  readonly maxPixels: number;
}

export interface AdmitCall {
  readonly request: ModelInferRequest__Output;
  /** Remaining budget, in ms. */
  readonly remainingMs: number;
  readonly tenant: Tenant;
  /** Name in the client certificate. */
  readonly peer: string | undefined;
}

/**
 * First stage: settles everything that can be refused before any work is done for it: unknown or unready version,
 * a deadline that has passed or is too short, a full queue, malformed tensors, images that take too long to decode.
 * What cannot be served is refused before its numbers are looked at; images are looked at first, since their headers
 * say what they cost.
 *
 * @throws HeadgateError
 */
export function admit(
  { find, maxStrings, maxPixels }: AdmitOptions,
  { request, remainingMs, tenant, peer }: AdmitCall,
): Admitted {
  if (request.model_name === '') {
    throw new HeadgateError('invalid_request', 'model_name: expected the name of a model.');
  }
  checkParameters(request);
  const serving = find(request.model_name, request.model_version);
  const terms = queueTerms(request, serving.queue);
  if (remainingMs <= 0) {
    throw new HeadgateError('deadline_exceeded', 'The deadline had passed when the request arrived.');
  }
  const background = isBackground(request);
  const share = background ? BACKGROUND : tenant === undefined ? `peer ${peer ?? ''}` : `tenant ${tenant}`;
  const ask = {
    count: itemCount(request, serving),
    work: NO_DECODE.work,
    remainingMs,
    level: terms.level,
    share,
    background,
  };
  const { image } = serving.model.manifest;
  // Refused before it is read, where that is possible: what a cache knows must not be refused.
  const cache = background ? undefined : serving.cache;
  if (!cache && !image) serving.dispatcher.admit(ask);
  const { items, outputs } = read(request, serving, maxStrings);
  const judge = costsFor(serving, maxPixels);
  const costs = items.map((item, i) => judge(item, items.length > 1 ? `inputs[0] element ${i}: ` : ''));
  const sketch = image !== undefined && wantsSketch(request);
  const answerer = cache?.forCall({ tenant, items, costs, sketch }) ?? serving.dispatcher;
  const work = costs.reduce((sum, cost) => sum + cost.work, 0);
  if (cache || image) answerer.admit({ ...ask, work });
  return { serving, terms, answerer, items, costs, share, outputs, sketch };
}

/** Share of the gateway's copies: names of other shares have a prefix and a space. */
const BACKGROUND = 'background';

/** What decoding an item takes a version. The function throws HeadgateError undecodable_image: it would take too long */
function costsFor({ model }: Serving, maxPixels: number): (payload: Payload, where: string) => DecodeCost {
  const { image } = model.manifest;
  const scaledSide = image && scaledFrom(image.preprocessing);
  return (payload, where) => {
    if (!(payload instanceof Uint8Array)) return NO_DECODE;
    const header = readImageHeader(payload);
    // An engine refuses other data and too large images at once. A file that only begins like an image may take the
    // longest decode.
    if (!header) return imageTypeOf(payload) ? UNREADABLE : NO_DECODE;
    if (header.width * header.height > maxPixels) return NO_DECODE;
    const cost = decodeCost(header, scaledSide);
    const why = tooCostly(cost, header);
    if (why) throw new HeadgateError('undecodable_image', where + why);
    return cost;
  };
}

const UNREADABLE: DecodeCost = { work: MAX_DECODE_WORK, memoryBytes: 0 };

/** Items that the first shape declares, within what a call may hold; whether it is true is seen later. */
function itemCount({ inputs }: ModelInferRequest__Output, { model }: Serving): number {
  const { max_batch_size: most } = model.manifest.batching;
  const declared = Math.trunc(inputs[0]?.shape[0] ?? 1);
  return Math.max(1, Math.min(most, declared));
}

function read(
  request: ModelInferRequest__Output,
  { model }: Serving,
  maxStrings: number,
): Pick<Admitted, 'items' | 'outputs'> {
  const { manifest } = model;
  if (!manifest.image) return readTensorRequest(request, manifest, maxStrings);
  const expected = { name: manifest.image.input, maxBatchSize: manifest.batching.max_batch_size };
  const { images, outputs } = readImageRequest(request, expected);
  return { items: images, outputs };
}
