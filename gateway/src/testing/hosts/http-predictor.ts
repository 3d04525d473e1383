import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { formatTraceparent } from '@headgate/contracts/trace-context';
import type { Prediction, Predictor } from '../../upstream/predictor.ts';

/** Asks for predictions over HTTP: one POST of the encoded image each, answered with a Prediction as JSON. */
export function httpPredictor(url: string): Predictor {
  return {
    async predict({ model, version, image, requestId, trace, remainingMs, signal }) {
      const response = await fetch(`${url}/${model}/${version}`, {
        method: 'POST',
        body: image as Uint8Array<ArrayBuffer>,
        signal,
        headers: {
          [HEADER.requestId]: requestId,
          [HEADER.traceparent]: formatTraceparent(trace),
          [HEADER.timeoutMs]: String(Math.ceil(remainingMs)),
        },
      });
      if (!response.ok) throw new HeadgateError('unavailable', 'Inference did not answer.');
      return (await response.json()) as Prediction;
    },
  };
}
