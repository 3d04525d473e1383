import type { Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { formatTraceparent } from '@headgate/contracts/trace-context';
import type { Deadline } from '../deadline.ts';
import { failureOf } from './failure.ts';
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
        throw failureOf(
          REASONS[response.status] ?? 'internal',
          new Error(`the server answered ${response.status}`),
        );
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
    throw failureOf('unavailable', cause);
  }
}

interface Answer {
  readonly outputs: readonly { readonly name: string; readonly data: readonly unknown[] }[];
  readonly parameters?: Readonly<Record<string, unknown>>;
}

async function read(response: Response, deadline: Deadline): Promise<Prediction> {
  try {
    const { outputs, parameters = {} } = (await response.json()) as Answer;
    const column = <T>(name: string, type: string) => {
      const data = outputs.find((output) => output.name === name)?.data ?? [];
      if (data.some((value) => typeof value !== type)) throw new TypeError(`${name} holds other values`);
      return data as readonly T[];
    };
    const labels = column<string>('label', 'string');
    const [scores, classes] = [column<number>('score', 'number'), column<number>('class_id', 'number')];
    if (scores.length !== labels.length || classes.length !== labels.length) throw new RangeError('uneven');
    const ms = (name: string) => Number(parameters[name] ?? 0);
    return {
      top: labels.map((label, i) => ({ label, class_id: classes[i] ?? 0, score: scores[i] ?? 0 })),
      timing: { queueMs: ms('queue_ms'), decodeMs: ms('decode_ms'), runMs: ms('run_ms') },
      engineMs: ms('engine_ms' in parameters ? 'engine_ms' : 'run_ms'),
    };
  } catch (cause) {
    deadline.throwIfOver();
    throw failureOf('internal', cause);
  }
}

/** Only the status is believed. A 429 is overload here: the quota it speaks of is not the caller's. */
const REASONS: Readonly<Record<number, Reason>> = {
  400: 'invalid_request',
  404: 'unknown_version',
  408: 'deadline_exceeded',
  422: 'invalid_request',
  429: 'overloaded',
  502: 'unavailable',
  503: 'unavailable',
  504: 'deadline_exceeded',
};
