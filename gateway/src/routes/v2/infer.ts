import { type HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { HEADER } from '@headgate/contracts/names';
import type { AppContext, RouteHandler } from '../../context.ts';
import type { Clock } from '../../deps.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { OpenInference } from '../../upstream/open-inference.ts';
import { untilAborted } from '../predict/until-aborted.ts';
import { uuidV7 } from '../predict/uuid-v7.ts';
import { callContext } from './call-context.ts';
import { wordAnswer } from './infer-answer.ts';

export interface InferOptions {
  readonly inference: Pick<OpenInference, 'infer'>;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/**
 * Forwards the tensors to the version that was chosen. A request is one prediction, however many rows it has. The
 * caller's `id` is echoed; without one, the answer has the prediction id there too.
 */
export function infer({ inference, telemetry, clock }: InferOptions): RouteHandler {
  const settle = async (c: AppContext): Promise<ModelInferResponse__Output | HeadgateError> => {
    const { model, version, variant } = c.get('choice');
    const { message, id = '', timeoutMs } = c.get('tensors');
    try {
      const context = callContext(c, { variant, timeoutMs });
      const request = { ...message, id, model_name: model, model_version: version };
      return await untilAborted(inference.infer(request, context), context.signal);
    } catch (thrown) {
      return toHeadgateError(thrown);
    }
  };

  return async function infer(c) {
    const sentAtMs = clock.monotonicMs();
    const outcome = await settle(c);
    const failure = outcome instanceof Error ? outcome : undefined;
    telemetry.predictionFinished({
      ...c.get('choice'),
      outcome: failure?.reason ?? 'ok',
      durationMs: clock.monotonicMs() - sentAtMs,
    });
    if (outcome instanceof Error) throw outcome;

    const predictionId = uuidV7(clock.epochMs());
    const { id = predictionId, wantsBinary } = c.get('tensors');
    const { variant } = c.get('choice');
    const parameters = { prediction_id: predictionId, ...(variant !== null && { variant }) };
    const { body, jsonBytes, isBinary } = wordAnswer(outcome, { id, parameters, wantsBinary });
    c.header('cache-control', 'no-store');
    c.header('content-type', isBinary ? 'application/octet-stream' : 'application/json');
    if (isBinary) c.header(HEADER.inferenceHeaderLength, String(jsonBytes));
    return c.body(body);
  };
}
