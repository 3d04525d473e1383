import { DATATYPES, type Datatype } from '@headgate/contracts/manifest';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningInference, reasonOf, runInference } from './testing/running-inference.ts';
import { blockOf, floatsOf, longsOf, rawRequest, x } from './testing/tensor-messages.ts';
import { AFFINE, echoOf, PICK, SCALE, TRANSPOSE, UNKNOWN_OPERATOR } from './testing/tensor-models.ts';

const utf8 = new TextEncoder();
/** Two rows of three elements of each datatype: its extremes where it has them. */
const SAMPLES: Readonly<Record<Datatype, ArrayBufferView>> = {
  BOOL: Uint8Array.of(0, 1, 1, 0, 1, 0),
  UINT8: Uint8Array.of(0, 1, 2, 253, 254, 255),
  UINT16: Uint16Array.of(0, 1, 2, 65_533, 65_534, 65_535),
  UINT32: Uint32Array.of(0, 1, 2, 3, 2 ** 31, 2 ** 32 - 1),
  UINT64: BigUint64Array.of(0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 2n, 2n ** 64n - 1n),
  INT8: Int8Array.of(-128, -1, 0, 1, 126, 127),
  INT16: Int16Array.of(-32_768, -1, 0, 1, 2, 32_767),
  INT32: Int32Array.of(-(2 ** 31), -1, 0, 1, 2, 2 ** 31 - 1),
  INT64: BigInt64Array.of(-(2n ** 63n), -1n, 0n, 2n ** 53n + 1n, 2n ** 63n - 2n, 2n ** 63n - 1n),
  FP16: Uint16Array.of(0x0000, 0x8000, 0x3c00, 0x7bff, 0x7c00, 0x0001),
  FP32: Float32Array.of(0, -0, 1.5, 3.4e38, Number.POSITIVE_INFINITY, 1e-45),
  FP64: Float64Array.of(0, -0, 1.5, 1.7e308, Number.NEGATIVE_INFINITY, 5e-324),
  BYTES: encodeBytesTensor(['', 'a', 'ä', '数字', 'a b', '🙂'].map((text) => utf8.encode(text))),
};

let running: RunningInference;

beforeAll(async () => {
  running = await runInference(['1'], {}, ({ addTensorModel }) => {
    for (const datatype of DATATYPES) addTensorModel(`echo-${datatype}`, echoOf(datatype));
    addTensorModel('affine', AFFINE);
    addTensorModel('transpose', TRANSPOSE);
    addTensorModel('pick', PICK);
    addTensorModel('scale', SCALE);
    addTensorModel('unknown-operator', UNKNOWN_OPERATOR);
  });
  await running.started();
}, 60_000);
afterAll(() => running.stop());

const affine = (values: number[], ids: bigint[]) =>
  rawRequest('affine', x('FP32', [values.length / 3, 3], Float32Array.from(values)), {
    name: 'ids',
    datatype: 'INT64',
    shape: [ids.length / 2, 2],
    values: BigInt64Array.from(ids),
  });

describe('a tensor model', () => {
  it.each(DATATYPES)('gives back every bit of %s', async (datatype) => {
    const values = SAMPLES[datatype];
    const answer = await running.infer(rawRequest(`echo-${datatype}`, x(datatype, [2, 3], values)));
    expect(answer.outputs).toMatchObject([{ name: 'y', datatype, shape: [2, 3] }]);
    expect([...blockOf(answer, 'y')]).toEqual([
      ...new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    ]);
  });

  it('computes with several inputs and outputs, in the order of the manifest, exactly beyond 2^53', async () => {
    const answer = await running.infer({
      ...affine([1, 2, 3, 4, 5, 6], [2n ** 53n, -1n, 5n, 6n]),
      id: 'mine',
    });
    expect(answer).toMatchObject({ id: 'mine', model_name: 'affine', model_version: '1' });
    expect(answer.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['scaled', [2, 3]],
      ['sum', [2]],
      ['next', [2, 2]],
    ]);
    expect(floatsOf(answer, 'scaled')).toEqual([3, 5, 7, 9, 11, 13]);
    expect(floatsOf(answer, 'sum')).toEqual([6, 15]);
    expect(longsOf(answer, 'next')).toEqual([2n ** 53n + 1n, 0n, 6n, 7n]);
  });

  it.each([[[]], [[1]]])('takes a scalar of the shape %j and answers one', async (shape) => {
    const factor = { name: 'factor', datatype: 'FP32' as const, shape, values: Float32Array.of(3) };
    const answer = await running.infer(rawRequest('scale', x('FP32', [2, 1], Float32Array.of(1, 2)), factor));
    expect(answer.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['y', [2, 1]],
      ['total', []],
    ]);
    expect([floatsOf(answer, 'y'), floatsOf(answer, 'total')]).toEqual([[3, 6], [9]]);
  });

  it('says which route it has when it gets a photo', async () => {
    const photo = {
      name: 'image',
      datatype: 'BYTES' as const,
      shape: [1],
      values: encodeBytesTensor([Uint8Array.of(255, 216)]),
    };
    await expect(running.infer(rawRequest('affine', photo))).rejects.toThrow(
      /takes tensors, not photos: send them to \/v2\/models\/affine\/infer/,
    );
  });

  it('takes typed values, inputs in any order, and answers the outputs that are asked for in that order', async () => {
    const answer = await running.infer({
      model_name: 'affine',
      inputs: [
        { name: 'ids', datatype: 'INT64', shape: [1, 2], contents: { int64_contents: [41, -1] } },
        { name: 'x', datatype: 'FP32', shape: [1, 3], contents: { fp32_contents: [1, 2, 3] } },
      ],
      outputs: [{ name: 'next' }, { name: 'sum' }],
    });
    expect(answer.outputs.map(({ name }) => name)).toEqual(['next', 'sum']);
    expect(longsOf(answer, 'next')).toEqual([42n, 0n]);
    expect(floatsOf(answer, 'sum')).toEqual([6]);
  });

  it('shares runs among callers who come at the same time, each of whom gets the own rows', async () => {
    const calls = Array.from({ length: 12 }, (_, i) => running.infer(affine([i, i, i], [BigInt(i), 0n])));
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => floatsOf(answer, 'sum'))).toEqual(answers.map((_, i) => [3 * i]));
    const sizes = answers.map(({ parameters }) => Number(parameters.batch_size?.int64_param));
    expect(Math.max(...sizes)).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
  });

  it('keeps rows of different widths apart that share a batch', async () => {
    const widths = [1, 2, 3, 1, 2, 3];
    const answers = await Promise.all(
      widths.map((width, i) =>
        running.infer(rawRequest('echo-FP32', x('FP32', [1, width], new Float32Array(width).fill(i)))),
      ),
    );
    expect(answers.map((answer) => floatsOf(answer, 'y'))).toEqual(
      widths.map((width, i) => new Array(width).fill(i)),
    );
  });

  it('takes whole tensors where it has no batch', async () => {
    const request = rawRequest('transpose', x('FP32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)));
    const answer = await running.infer(request);
    expect(answer.outputs).toMatchObject([{ shape: [3, 2] }]);
    expect(floatsOf(answer, 'y')).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('fails on an input that it cannot take without failing on others in the same batch', async () => {
    const pick = (index: bigint) => {
      const values = BigInt64Array.of(index);
      return running.infer(rawRequest('pick', { name: 'index', datatype: 'INT64', shape: [1, 1], values }));
    };
    const outcomes = await Promise.allSettled([1n, 2n, 99n, 3n, 4n].map(pick));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(await reasonOf(pick(99n))).toBe('internal');
    expect(floatsOf(await pick(4n), 'y')).toEqual([40]);
  });

  it('is described as its manifest says', async () => {
    const metadata = await new Promise((resolve, reject) =>
      running.client.modelMetadata({ name: 'affine' }, (error, answer) =>
        answer ? resolve(answer) : reject(error),
      ),
    );
    expect(metadata).toMatchObject({
      platform: 'onnxruntime_onnx/cpu',
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [-1, 3] },
        { name: 'ids', datatype: 'INT64', shape: [-1, 2] },
      ],
    });
  });

  it('is not served when it needs an operator that the runtime lacks, and the log says which', async () => {
    await running.until(async () => running.log().includes('Clairvoyance'));
    const request = rawRequest('unknown-operator', x('FP32', [1, 1], Float32Array.of(1)));
    expect(await reasonOf(running.infer(request))).toBe('unavailable');
  });
});
