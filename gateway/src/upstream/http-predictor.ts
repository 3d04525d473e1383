import { HeadgateError, type Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { formatTraceparent } from '@headgate/contracts/trace-context';
import { z } from 'zod';
import type { Deadline } from '../deadline.ts';
import type { PredictCall, Prediction, Predictor } from './inference.ts';

/**
 * Open Inference Protocol v2 over REST, with fetch alone: for hosts that cannot speak gRPC. The image travels as it
 * is (binary tensor extension: a JSON head, then the raw block); the answer is JSON, which is small.
 *
 * @param baseUrl of the server, without `/v2`
 */
export function httpPredictor(baseUrl: string): Predictor {
  return {
    async predict(call) {
      const response = await send(baseUrl, call);
      if (!response.ok) {
        await response.body?.cancel();
        throw refusal(response.status);
      }
      return read(response, call.deadline);
    },
  };
}

async function send(baseUrl: string, call: PredictCall): Promise<Response> {
  const { model, version, image, requestId, trace, deadline } = call;
  const block = encodeBytesTensor([image]);
  const input = {
    name: 'image',
    datatype: 'BYTES',
    shape: [1],
    parameters: { binary_data_size: block.byteLength },
  };
  const head = new TextEncoder().encode(JSON.stringify({ id: requestId, inputs: [input] }));
  const path = `/v2/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}/infer`;
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': String(head.byteLength),
    [HEADER.requestId]: requestId,
    [HEADER.traceparent]: formatTraceparent(trace),
    [HEADER.timeoutMs]: String(Math.ceil(deadline.remainingMs())),
  };
  try {
    return await fetch(baseUrl + path, {
      method: 'POST',
      headers,
      body: new Blob([head, block]),
      signal: deadline.signal,
    });
  } catch (cause) {
    deadline.throwIfOver();
    throw new HeadgateError('unavailable', SENTENCE.unavailable, { cause });
  }
}

const output = <T extends z.ZodType>(name: string, element: T) =>
  z.object({ name: z.literal(name), data: z.array(element) });

const answerSchema = z.object({
  outputs: z.array(
    z.union([output('label', z.string()), output('score', z.number()), output('class_id', z.number())]),
  ),
  parameters: z.record(z.string(), z.unknown()).default({}),
});

async function read(response: Response, deadline: Deadline): Promise<Prediction> {
  try {
    const { outputs, parameters } = answerSchema.parse(await response.json());
    const column = (name: string) => outputs.find((found) => found.name === name)?.data ?? [];
    const [labels, scores, classes] = [column('label'), column('score'), column('class_id')];
    if (scores.length !== labels.length || classes.length !== labels.length) throw new RangeError('uneven');
    const ms = (name: string) => Number(parameters[name] ?? 0);
    return {
      top: labels.map((label, i) => ({
        label: String(label),
        class_id: Number(classes[i]),
        score: Number(scores[i]),
      })),
      timing: { queueMs: ms('queue_ms'), decodeMs: ms('decode_ms'), runMs: ms('run_ms') },
      engineMs: ms('engine_ms' in parameters ? 'engine_ms' : 'run_ms'),
    };
  } catch (cause) {
    deadline.throwIfOver();
    throw new HeadgateError('internal', SENTENCE.internal, { cause });
  }
}

type Failure =
  | 'invalid_request'
  | 'unknown_version'
  | 'deadline_exceeded'
  | 'overloaded'
  | 'unavailable'
  | 'internal';

const SENTENCE: Record<Failure, string> = {
  invalid_request: 'The model did not accept the request.',
  unknown_version: 'The model version is not served here.',
  deadline_exceeded: 'The model did not answer before the deadline.',
  overloaded: 'The model has no room for another request right now. Please try again.',
  unavailable: 'The model is not available right now. Please try again.',
  internal: 'The prediction failed. Please send the request id to the operator.',
};

/** Only the status is believed. A 429 is overload here: the quota it speaks of is not the caller's. */
function refusal(status: number): HeadgateError {
  const reasons: Record<number, Failure & Reason> = {
    400: 'invalid_request',
    404: 'unknown_version',
    408: 'deadline_exceeded',
    422: 'invalid_request',
    429: 'overloaded',
    502: 'unavailable',
    503: 'unavailable',
    504: 'deadline_exceeded',
  };
  const reason = reasons[status] ?? 'internal';
  return new HeadgateError(reason, SENTENCE[reason], { cause: new Error(`the server answered ${status}`) });
}
