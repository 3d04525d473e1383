import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { HEADER } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';
import type { RouteHandler } from '../../context.ts';
import type { OpenInference } from '../../upstream/inference.ts';
import { ASK_FOR_SKETCHES, engineMsOf } from '../../upstream/messages.ts';
import type { Settle } from '../settle.ts';
import { uuidV7 } from '../uuid-v7.ts';
import type { AnswerInput } from './infer-answer.ts';
import { isBinary } from './infer-request.ts';
import type { JsonWork } from './json-work.ts';
import { jsonCall } from './read-tensors.ts';
import { imagesOf, seenItems, withoutSketches } from './seen.ts';

export interface InferOptions {
  readonly inference: Pick<OpenInference, 'infer'>;
  readonly settle: Settle;
  /** Whether records store a sketch of each image. */
  readonly sketch: boolean;
  readonly clock: Clock;
  readonly jsonWork: JsonWork;
  /** A request of more images is recorded as one prediction without images. */
  readonly images_per_request: number;
}

/**
 * Forwards the tensors to the version that was chosen. A request is one prediction, however many rows it has. The
 * caller's `id` is echoed; without one, the answer has the prediction id there too.
 */
export function infer(options: InferOptions): RouteHandler {
  const { inference, settle, sketch, clock, jsonWork, images_per_request } = options;
  return async function infer(c) {
    const predictionId = uuidV7(clock.epochMs());
    c.set('predictionId', predictionId);
    const { model, version, variant } = c.get('choice');
    const { message, id = predictionId, timeoutMs, binary } = c.get('tensors');
    const images = imagesOf(c.get('tensors'), images_per_request);
    const sketches = images.length > 0 && sketch ? ASK_FOR_SKETCHES : {};
    const request = {
      ...message,
      parameters: { ...message.parameters, ...sketches },
      id: c.get('tensors').id ?? '',
      model_name: model,
      model_version: version,
    };
    c.get('deadline').shorten(timeoutMs);
    const outcome = await settle<ModelInferResponse__Output>(c, {
      id: predictionId,
      index: 0,
      images: images.length > 0 ? images : [null],
      send: (context) => inference.infer(request, context),
      seen: (answer) => seenItems(answer, Math.max(1, images.length)),
    });
    if (outcome instanceof HeadgateError) throw outcome;
    c.get('charge')?.debitEngine(engineMsOf(outcome));

    const parameters = { prediction_id: predictionId, ...(variant !== null && { variant }) };
    const response = withoutSketches(outcome);
    const input = { response, id, parameters, binary };
    const { body, jsonBytes, hasBlocks } = await jsonWork('encode', input, jsonCall(c, inJson(input)));
    // Refused, although the work is done, where the caller does not read its answers: they would fill the memory.
    c.get('holdMore')(body.byteLength);
    c.header('content-type', hasBlocks ? 'application/octet-stream' : 'application/json');
    if (hasBlocks) c.header(HEADER.inferenceHeaderLength, String(jsonBytes));
    return c.body(body);
  };
}

/** Bytes of the outputs that the answer says in JSON. */
function inJson({ response, binary }: AnswerInput): number {
  return response.outputs.reduce(
    (sum, { name }, i) =>
      sum + (isBinary(binary, name) ? 0 : (response.raw_output_contents[i]?.byteLength ?? 0)),
    0,
  );
}
