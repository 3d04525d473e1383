import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { STREAM } from '@headgate/contracts/names';
import { SKETCH, SKETCH_LENGTH } from '@headgate/contracts/sketch';
import { decodeBytesTensor, encodeBytesTensor } from '@headgate/contracts/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callContext, deadlineIn, poolOf } from '../testing/calls.ts';
import {
  type Answer,
  type Failure,
  type InferCall,
  type InferServer,
  startInferServer,
} from '../testing/infer-server.ts';
import { grpcPredictor } from './connect.ts';
import type { Pool } from './connection.ts';
import type { PredictCall } from './inference.ts';

const k = 2;
const good = (): ModelInferResponse => ({
  parameters: {
    queue_ms: { double_param: 1.5 },
    decode_ms: { double_param: 2 },
    run_ms: { double_param: 3 },
    engine_ms: { double_param: 0.75 },
  },
  outputs: [
    { name: 'class_id', datatype: 'INT32', shape: [1, k] },
    { name: 'label', datatype: 'BYTES', shape: [1, k] },
    { name: 'score', datatype: 'FP32', shape: [1, k] },
  ],
  raw_output_contents: [
    Buffer.from(Int32Array.of(282, -1).buffer),
    encodeBytesTensor([Buffer.from('tiger cat'), Buffer.from('æøå')]),
    Buffer.from(Float32Array.of(0.5, 0.25).buffer),
  ],
});

describe('grpcPredictor', () => {
  let server: InferServer;
  let pool: Pool;
  let answer: Answer;

  beforeEach(async () => {
    answer = (_, done) => done(good());
    server = await startInferServer((call, done) => answer(call, done));
    pool = poolOf(server.port);
  });

  afterEach(() => {
    pool.close();
    server.kill();
  });

  const predict = (changes: Partial<PredictCall> = {}) =>
    grpcPredictor(pool).predict({
      ...callContext({ variant: 'int8', tenant: 'client01' }),
      model: 'cats',
      version: '2',
      image: Uint8Array.of(1, 2, 3),
      sketch: false,
      ...changes,
    });
  const failure = async (changes?: Partial<PredictCall>): Promise<HeadgateError> => {
    const error: unknown = await predict(changes).catch((e: unknown) => e);
    if (error instanceof HeadgateError) return error;
    throw new TypeError('expected a HeadgateError', { cause: error });
  };
  const refuse = (outcome: Omit<Failure, 'reason'> & { readonly reason: string }) => {
    answer = (_, done) => done(outcome as Failure);
  };

  it('sends the image as one BYTES element, with ids, variant, trace and the remaining budget', async () => {
    let seen: InferCall | undefined;
    answer = (call, done) => {
      seen = call;
      done(good());
    };
    await predict();
    const { model_name, model_version, inputs, raw_input_contents } = (seen as unknown as InferCall).request;
    expect([model_name, model_version]).toEqual(['cats', '2']);
    expect(inputs).toMatchObject([{ name: 'image', datatype: 'BYTES', shape: [1] }]);
    expect(decodeBytesTensor(raw_input_contents[0] as Buffer, 1)[0]).toEqual(Buffer.from([1, 2, 3]));
    const said = seen?.said ?? {};
    expect(said).toMatchObject({
      [STREAM.requestId]: 'r-1',
      [STREAM.tenant]: 'client01',
      [STREAM.variant]: 'int8',
      [STREAM.traceparent]: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    });
    const budgetMs = Number(said[STREAM.deadlineMs]);
    expect(budgetMs).toBeGreaterThan(3000);
    expect(budgetMs).toBeLessThanOrEqual(5000);
  });

  it('asks for a sketch only where it is wanted, and reads it', async () => {
    const asked: boolean[] = [];
    answer = (call, done) => {
      const wanted = call.request.parameters[SKETCH.parameter]?.bool_param === true;
      asked.push(wanted);
      const { outputs = [], raw_output_contents = [], ...rest } = good();
      const shape = [1, SKETCH_LENGTH];
      const parameters = { [SKETCH.version]: { int64_param: 3 } };
      const sketch = { name: SKETCH.output, datatype: 'FP32', shape, parameters };
      const block = Buffer.from(Float32Array.from({ length: SKETCH_LENGTH }, (_, i) => i).buffer);
      const answered = {
        outputs: [...outputs, sketch],
        raw_output_contents: [...raw_output_contents, block],
      };
      done(wanted ? { ...rest, ...answered } : good());
    };
    expect((await predict()).sketch).toBeUndefined();
    expect((await predict({ sketch: true })).sketch).toMatchObject({
      version: 3,
      width: 0,
      height: 1,
      features: Array.from({ length: 32 }, (_, i) => 5 + i),
    });
    expect(asked).toEqual([false, true]);
  });

  it('leaves a sketch of another size out, as another release may make it', async () => {
    answer = (_, done) => {
      const { outputs = [], raw_output_contents = [], ...rest } = good();
      const shape = [1, SKETCH_LENGTH + 1];
      const sketch = { name: SKETCH.output, datatype: 'FP32', shape, parameters: {} };
      const block = Buffer.alloc((SKETCH_LENGTH + 1) * 4);
      const answered = {
        outputs: [...outputs, sketch],
        raw_output_contents: [...raw_output_contents, block],
      };
      done({ ...rest, ...answered });
    };
    expect((await predict({ sketch: true })).sketch).toBeUndefined();
  });

  it('names no variant for an explicit version', async () => {
    let names: string[] = [];
    answer = (call, done) => {
      names = Object.keys(call.said);
      done(good());
    };
    await predict({ variant: null });
    expect(names).toContain(STREAM.requestId);
    expect(names).not.toContain(STREAM.variant);
  });

  it('reads labels, scores and class ids in whatever order the outputs come', async () => {
    expect(await predict()).toEqual({
      top: [
        { label: 'tiger cat', class_id: 282, score: 0.5 },
        { label: 'æøå', class_id: -1, score: 0.25 },
      ],
      timing: { queueMs: 1.5, decodeMs: 2, runMs: 3 },
      engineMs: 0.75,
    });
  });

  it('carries an image of ten MiB', async () => {
    const image = new Uint8Array(10 * 2 ** 20).fill(7);
    answer = (call, done) => {
      const sent = decodeBytesTensor(call.request.raw_input_contents[0] as Buffer, 1)[0];
      done(sent?.length === image.length && sent.at(-1) === 7 ? good() : {});
    };
    expect((await predict({ image })).top).toHaveLength(2);
  });

  it('believes the reason and the sentence of inference, and passes on when to come back', async () => {
    refuse({ reason: 'overloaded', detail: 'The queue is full.', retryAfterMs: 250 });
    expect(await failure()).toMatchObject({
      reason: 'overloaded',
      detail: 'The queue is full.',
      retryAfterMs: 250,
    });
    refuse({ reason: 'undecodable_image', detail: 'The image cannot be decoded.' });
    expect(await failure()).toMatchObject({ reason: 'undecodable_image' });
  });

  it.each(['toString', ''])('shows nothing of the details when the reason is %j', async (reason) => {
    refuse({ reason, detail: 'connect ECONNREFUSED 10.1.2.3:9' });
    const error = await failure();
    expect(error.reason).toBe('internal');
    expect(error.detail).not.toMatch(/ECONN|10\.1/);
    expect(String((error.cause as Error).message)).toContain('ECONNREFUSED');
  });

  it.each([
    [-5, undefined],
    [99_999_999, 60_000],
  ])('bounds a retry-after of %j', async (wait, retryAfterMs) => {
    refuse({ reason: 'unavailable', detail: 'x', retryAfterMs: wait });
    expect((await failure()).retryAfterMs).toBe(retryAfterMs);
  });

  it('cancels the call on the other side when the client goes away, for the reason that the app names', async () => {
    const deadline = deadlineIn(5000);
    const gone = new HeadgateError('cancelled', 'The client closed the connection.');
    let cancelled: Promise<void> = Promise.resolve();
    answer = (call) => {
      cancelled = new Promise((resolve) => call.onCancel(resolve));
      deadline.end(gone);
    };
    expect(await failure({ deadline })).toBe(gone);
    await cancelled;
    expect(await failure({ deadline })).toBe(gone);
    expect(pool.outstanding).toBe(0);
  });

  it('reports a server that is not there as unavailable', async () => {
    server.kill();
    expect(await failure()).toMatchObject({ reason: 'unavailable' });
  });

  const [classes, labels, scores] = good().raw_output_contents as Buffer[];
  const shaped = (shape: number[], datatype = 'FP32') => [
    ...(good().outputs ?? []).slice(0, 2),
    { name: 'score', datatype, shape },
  ];
  it.each<[string, ModelInferResponse]>([
    ['without outputs', { outputs: [] }],
    ['without raw contents', { raw_output_contents: [] }],
    ['with a short block', { raw_output_contents: [classes, labels, scores?.subarray(4)] as Buffer[] }],
    ['with another datatype', { outputs: shaped([1, k], 'FP64') }],
    ['with a shape of its own', { outputs: shaped([1, 3]) }],
  ])('answers internal to a message %s', async (_, changes) => {
    answer = (_call, done) => done({ ...good(), ...changes });
    expect(await failure()).toMatchObject({ reason: 'internal', cause: expect.any(RangeError) });
  });
});
