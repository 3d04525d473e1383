import { HeadgateError } from '@headgate/contracts/errors';
import type { OpenInference, Predictor } from '../upstream/inference.ts';
import type { Served, Throttle } from './throttle.ts';

/** A predictor whose calls the throttle sees. */
export function countedPredictor(predictor: Predictor, throttle: Throttle): Predictor {
  return { predict: (call) => counted(throttle, call, () => predictor.predict(call)) };
}

/** The same for tensors; calls that infer nothing are not counted. */
export function countedInference(
  inference: Pick<OpenInference, 'infer'>,
  throttle: Throttle,
): Pick<OpenInference, 'infer'> {
  return {
    infer(request, context) {
      const served = { model: request.model_name ?? '', version: request.model_version ?? '' };
      return counted(throttle, served, () => inference.infer(request, context));
    },
  };
}

async function counted<T>(throttle: Throttle, served: Served, call: () => Promise<T>): Promise<T> {
  const sent = throttle.sent(served);
  try {
    return await call();
  } catch (thrown) {
    const { reason, retryAfterMs } = thrown instanceof HeadgateError ? thrown : {};
    if (reason === 'overloaded') sent.refused(retryAfterMs);
    // Callers in too much of a hurry, or gone: others must not be refused for that.
    else if (reason === 'deadline_exceeded' || reason === 'cancelled') sent.withdraw();
    throw thrown;
  }
}
