import { type HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { HEADER } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';
import type { AppContext, RouteHandler } from '../../context.ts';
import { noRecorder, type Recorder } from '../../store/recorder.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { OpenInference } from '../../upstream/inference.ts';
import { ASK_FOR_SKETCHES, engineMsOf } from '../../upstream/messages.ts';
import { untilAborted } from '../predict/until-aborted.ts';
import { uuidV7 } from '../predict/uuid-v7.ts';
import { callContext } from './call-context.ts';
import { wordAnswer } from './infer-answer.ts';
import { imagesOf, seenItems, withoutSketches } from './seen.ts';

export interface InferOptions {
  readonly inference: Pick<OpenInference, 'infer'>;
  readonly telemetry: Telemetry;
  readonly recorder?: Recorder;
  readonly clock: Clock;
  /** A request of more images is recorded as one prediction without images. */
  readonly images_per_request: number;
}

type Outcome = ModelInferResponse__Output | HeadgateError;

interface Settled {
  readonly id: string;
  readonly images: readonly Uint8Array[];
  readonly outcome: Outcome;
  readonly durationMs: number;
}

/**
 * Forwards the tensors to the version that was chosen. A request is one prediction, however many rows it has. The
 * caller's `id` is echoed; without one, the answer has the prediction id there too.
 */
export function infer(options: InferOptions): RouteHandler {
  const { inference, telemetry, recorder = noRecorder, clock, images_per_request } = options;

  const settle = async (c: AppContext, hasImages: boolean): Promise<Outcome> => {
    const { model, version, variant } = c.get('choice');
    const { message, id = '', timeoutMs } = c.get('tensors');
    try {
      c.get('deadline').shorten(timeoutMs);
      const context = callContext(c, variant);
      const sketches = hasImages && recorder.wantsSketches ? ASK_FOR_SKETCHES : {};
      const parameters = { ...message.parameters, ...sketches };
      const request = { ...message, parameters, id, model_name: model, model_version: version };
      return await untilAborted(inference.infer(request, context), context.signal);
    } catch (thrown) {
      return toHeadgateError(thrown);
    }
  };

  /** One record of each image, or one of the request as a whole. */
  const report = (c: AppContext, { id, images, outcome, durationMs }: Settled) => {
    const choice = c.get('choice');
    const ended = outcome instanceof Error ? outcome.reason : 'ok';
    telemetry.predictionFinished({ ...choice, outcome: ended, durationMs });
    const count = Math.max(1, images.length);
    const items = outcome instanceof Error ? [] : seenItems(outcome, count);
    for (let index = 0; index < count; index += 1) {
      recorder.prediction({
        id,
        index,
        atMs: clock.epochMs(),
        keyId: c.get('identity')?.keyId ?? '',
        requestId: c.get('requestId'),
        choice,
        outcome: ended,
        latencyMs: durationMs,
        top: items[index]?.top ?? [],
        image: images[index] ?? null,
        sketch: items[index]?.sketch,
      });
    }
  };

  return async function infer(c) {
    const sentAtMs = clock.monotonicMs();
    const predictionId = uuidV7(clock.epochMs());
    const images = imagesOf(c.get('tensors'), images_per_request);
    const outcome = await settle(c, images.length > 0);
    report(c, { id: predictionId, images, outcome, durationMs: clock.monotonicMs() - sentAtMs });
    if (outcome instanceof Error) throw outcome;
    c.get('tab')?.debitEngine(engineMsOf(outcome));

    const { id = predictionId, wantsBinary } = c.get('tensors');
    const { variant } = c.get('choice');
    const parameters = { prediction_id: predictionId, ...(variant !== null && { variant }) };
    const { body, jsonBytes, isBinary } = wordAnswer(withoutSketches(outcome), {
      id,
      parameters,
      wantsBinary,
    });
    c.header('cache-control', 'no-store');
    c.header('content-type', isBinary ? 'application/octet-stream' : 'application/json');
    if (isBinary) c.header(HEADER.inferenceHeaderLength, String(jsonBytes));
    return c.body(body);
  };
}
