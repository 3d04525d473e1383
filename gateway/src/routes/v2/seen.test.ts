import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { BACKGROUND_PARAMETER } from '@headgate/contracts/names';
import { SKETCH, SKETCH_LENGTH } from '@headgate/contracts/sketch';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { describe, expect, it } from 'vitest';
import type { Recorder, SeenPrediction } from '../../store/recorder.ts';
import { fixture } from '../../testing/app-fixture.ts';
import { echoInference } from '../../testing/echo-inference.ts';
import { pngHeader } from '../../testing/images.ts';

const PHOTOS = [pngHeader(8, 8), pngHeader(16, 8)];

/** What an image model answers to so many images, with sketches for who asks. */
function classified(request: ModelInferRequest): ModelInferResponse__Output {
  const count = Number(request.inputs?.[0]?.shape?.[0] ?? 0);
  const rows = Array.from({ length: count }, (_, i) => i);
  const none = { contents: null, parameters: {} };
  const outputs = [
    { name: 'label', datatype: 'BYTES', shape: [count, 2], ...none },
    { name: 'score', datatype: 'FP32', shape: [count, 2], ...none },
    { name: 'class_id', datatype: 'INT32', shape: [count, 2], ...none },
  ];
  const blocks = [
    Buffer.from(encodeBytesTensor(rows.flatMap((i) => [Buffer.from(`first ${i}`), Buffer.from('second')]))),
    Buffer.from(Float32Array.from(rows.flatMap(() => [0.75, 0.25])).buffer),
    Buffer.from(Int32Array.from(rows.flatMap((i) => [i, 100])).buffer),
  ];
  if (request.parameters?.[SKETCH.parameter]) {
    outputs.push({ name: SKETCH.output, datatype: 'FP32', shape: [count, SKETCH_LENGTH], ...none });
    blocks.push(Buffer.from(Float32Array.from(rows.flatMap((i) => new Array(SKETCH_LENGTH).fill(i))).buffer));
  }
  const { model_name = '', model_version = '' } = request;
  return { model_name, model_version, id: '', parameters: {}, outputs, raw_output_contents: blocks };
}

/** The app with a recorder, in front of a model that answers so. */
async function recording(
  infer: (request: ModelInferRequest) => ModelInferResponse__Output = classified,
  wantsSketches = true,
) {
  const predictions: SeenPrediction[] = [];
  const recorder: Recorder = {
    wantsSketches,
    prediction: (seen) => void predictions.push(seen),
    shadow: () => undefined,
    outcome: async () => undefined,
    retentionMs: 1,
  };
  const inference = { ...echoInference(), infer: async (request: ModelInferRequest) => infer(request) };
  const { send } = await fixture({ recorder, inference });
  const ask = (inputs: unknown, headers: Record<string, string> = {}, parameters = {}) =>
    send('/v2/models/net/infer', { method: 'POST', body: JSON.stringify({ parameters, inputs }), headers });
  return { ask, predictions };
}

const images = (photos: readonly Uint8Array[]) => [
  {
    name: 'image',
    datatype: 'BYTES',
    shape: [photos.length],
    parameters: { content_type: 'base64' },
    data: photos.map((photo) => Buffer.from(photo).toString('base64')),
  },
];
const TENSOR = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }];

describe('A record of a call under /v2', () => {
  it('has every image with its own classes and sketch, under the prediction id of the answer', async () => {
    const { ask, predictions } = await recording();
    const response = await ask(images(PHOTOS), { 'x-headgate-unit': 'alice' });
    const { parameters, outputs } = (await response.json()) as {
      parameters: { prediction_id: string };
      outputs: { name: string }[];
    };
    expect(outputs.map(({ name }) => name)).toEqual(['label', 'score', 'class_id']);
    expect(predictions).toMatchObject(
      PHOTOS.map((_, index) => ({
        id: parameters.prediction_id,
        index,
        keyId: 'bench001',
        choice: { model: 'net', version: '1', variant: 'control', unit: 'alice' },
        outcome: 'ok',
        top: [
          { label: `first ${index}`, class_id: index, score: 0.75 },
          { label: 'second', class_id: 100, score: 0.25 },
        ],
        sketch: { width: index, features: new Array(32).fill(index) },
      })),
    );
    expect(predictions.map(({ image }) => Buffer.from(image ?? []))).toEqual(
      PHOTOS.map((photo) => Buffer.from(photo)),
    );
  });

  it('is one of the whole request where tensors are sent: without image, and without parameters of ours', async () => {
    const asked: ModelInferRequest[] = [];
    const { ask, predictions } = await recording((request) => {
      asked.push(request);
      return { ...classified(request), outputs: [], raw_output_contents: [] };
    });
    const ours = { [SKETCH.parameter]: true, [BACKGROUND_PARAMETER]: true };
    expect((await ask(TENSOR, {}, ours)).status).toBe(200);
    expect(asked[0]?.parameters).toEqual({});
    expect(predictions).toMatchObject([{ index: 0, outcome: 'ok', top: [], image: null, sketch: undefined }]);
  });

  it('has no sketch where the operator wants none, whatever the caller asks for', async () => {
    const { ask, predictions } = await recording(classified, false);
    expect((await ask(images(PHOTOS), {}, { [SKETCH.parameter]: true })).status).toBe(200);
    expect(predictions.map(({ top, sketch }) => [top.length, sketch])).toEqual([
      [2, undefined],
      [2, undefined],
    ]);
  });

  it('has the reason of a failure, for each image', async () => {
    const { ask, predictions } = await recording(() => {
      throw new HeadgateError('overloaded', 'full');
    });
    expect((await ask(images(PHOTOS))).status).toBe(503);
    expect(predictions).toMatchObject([0, 1].map((index) => ({ index, outcome: 'overloaded', top: [] })));
  });

  it('has what the caller asked for, where that is not all', async () => {
    const { ask, predictions } = await recording((request) => {
      const { outputs, raw_output_contents, ...rest } = classified(request);
      return { ...rest, outputs: outputs.slice(0, 1), raw_output_contents: raw_output_contents.slice(0, 1) };
    });
    await ask(images(PHOTOS.slice(0, 1)));
    expect(predictions[0]?.top[0]).toEqual({ label: 'first 0', class_id: null, score: null });
  });

  it.each([
    ['more images than a request may have', images(Array.from({ length: 17 }, () => pngHeader(1, 1)))],
    ['bytes that are no image', [{ name: 'image', datatype: 'BYTES', shape: [1], data: ['text'] }]],
    ['two inputs', [...images(PHOTOS), ...TENSOR]],
  ])('is one without an image for %s', async (_, inputs) => {
    const { ask, predictions } = await recording();
    await ask(inputs);
    expect(predictions.map(({ image }) => image)).toEqual([null]);
  });

  it('never fails the call whose answer cannot be understood', async () => {
    const { ask, predictions } = await recording((request) => {
      const answer = classified(request);
      return { ...answer, raw_output_contents: answer.raw_output_contents.with(1, Buffer.alloc(3)) };
    });
    await ask(images(PHOTOS.slice(0, 1)));
    expect(predictions).toMatchObject([{ outcome: 'ok', top: [], sketch: undefined }]);
  });
});
