import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { InferCaller } from './first-attempt.ts';
import { fromInferResponse, toInferRequest } from './infer-messages.ts';
import type { Prediction, Predictor } from './predictor.ts';

/** Forwards each image as one ModelInfer call; the batcher on the other side joins them again. */
export function grpcPredictor(infer: InferCaller): Predictor {
  return {
    predict: async (call) => {
      const request = toInferRequest(call);
      const response = await infer<ModelInferResponse__Output>(
        call,
        call,
        (to, { metadata, options, done }) => to.ModelInfer(request, metadata, options, done),
      );
      return decode(response);
    },
  };
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
