import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { Channels } from './channels.ts';
import { fromInferResponse, toInferRequest } from './infer-messages.ts';
import type { PredictCall, Prediction, Predictor } from './predictor.ts';
import { unaryCall } from './unary-call.ts';

/** Forwards each image as one ModelInfer call; the batcher on the other side joins them again. */
export function grpcPredictor(channels: Channels): Predictor {
  const send = (call: PredictCall) =>
    channels.run((client) =>
      unaryCall<ModelInferResponse__Output>(client, call, (to, { metadata, options, done }) =>
        to.ModelInfer(toInferRequest(call), metadata, options, done),
      ),
    );
  return { predict: async (call) => decode(await send(call)) };
}

function decode(response: ModelInferResponse__Output): Prediction {
  try {
    return fromInferResponse(response);
  } catch (cause) {
    const detail =
      'The model gave an answer that cannot be read. Please send the request id to the operator.';
    throw new HeadgateError('internal', detail, { cause });
  }
}
