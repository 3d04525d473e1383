import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelStreamInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import type { InputSpec, Manifest } from '@headgate/contracts/manifest';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTensorRequest } from './tensor-request.ts';
import { type RunningInference, runInference } from './testing/running-inference.ts';
import { rawRequest, x } from './testing/tensor-messages.ts';
import { AFFINE, echoOf } from './testing/tensor-models.ts';

const careful: InputSpec = { name: 'x', datatype: 'FP32', shape: [-1, -1], refuse_nan: true };

let running: RunningInference;

beforeAll(async () => {
  running = await runInference(['1'], {}, ({ addTensorModel }) => {
    addTensorModel('affine', AFFINE);
    addTensorModel('text', echoOf('BYTES'));
    addTensorModel('flag', echoOf('BOOL'));
    addTensorModel('half', { ...echoOf('FP16'), inputs: [{ ...careful, datatype: 'FP16' }] });
    addTensorModel('careful', { ...echoOf('FP32'), inputs: [careful] });
    addTensorModel('long', echoOf('INT64'));
    addTensorModel('small', echoOf('INT8'));
  });
  await running.started();
}, 60_000);
afterAll(() => running.stop());

const ids = { name: 'ids', datatype: 'INT64', shape: [1, 2], values: BigInt64Array.of(1n, 2n) };
const row = x('FP32', [1, 3], Float32Array.of(1, 2, 3));
const good = rawRequest('affine', row, ids);
const typed = (datatype: string, shape: number[], contents: object): ModelInferRequest => ({
  model_name: { INT64: 'long', INT8: 'small', FP16: 'half', BYTES: 'text', FP32: 'careful' }[
    datatype
  ] as string,
  inputs: [{ name: 'x', datatype, shape, contents }],
});

/** What the server says about a request; undefined when it answers. */
async function problemOf(request: ModelInferRequest): Promise<string | undefined> {
  return running.infer(request).then(
    () => undefined,
    (error) => `${error.metadata.get('headgate-reason')[0]} ${error.details}`,
  );
}

describe('a tensor model refuses, and names the field', () => {
  const cases: [string, ModelInferRequest, string][] = [
    ['no inputs', { model_name: 'affine' }, 'inputs: expected a tensor named x too'],
    ['a missing input', rawRequest('affine', row), 'inputs: expected a tensor named ids too'],
    ['an unknown input', rawRequest('affine', row, { ...ids, name: 'idx' }), 'inputs[1].name: expected one of x, ids'],
    ['an input twice', rawRequest('affine', row, ids, row), 'inputs[2].name: expected each input once'],
    ['another datatype', rawRequest('affine', { ...row, datatype: 'FP64' }, ids), 'inputs[0].datatype: expected FP32'],
    ['another width', rawRequest('affine', { ...row, shape: [1, 4] }, ids), 'inputs[0].shape: expected [n, 3]'],
    ['another rank', rawRequest('affine', { ...row, shape: [3] }, ids), 'inputs[0].shape: expected [n, 3]'],
    ['an empty batch', rawRequest('affine', { ...row, shape: [0, 3] }, ids), 'inputs[0].shape: expected dimensions from 1'],
    ['a negative side', rawRequest('affine', { ...row, shape: [-1, 3] }, ids), 'inputs[0].shape: expected dimensions from 1'],
    ['an absurd side', rawRequest('text', x('BYTES', [1, 2 ** 40], Buffer.alloc(4))), 'inputs[0].shape: expected dimensions from 1'],
    ['absurd sides', rawRequest('text', x('BYTES', [4, 2 ** 31 - 1], Buffer.alloc(4))), 'inputs[0].shape: expected at most 65536 elements of BYTES in a call'],
    ['a batch over the limit', rawRequest('affine', x('FP32', [5, 3], new Float32Array(15)), ids), 'inputs[0].shape[0]: expected at most 4, the largest batch'],
    ['batches that differ', rawRequest('affine', x('FP32', [2, 3], new Float32Array(6)), ids), 'inputs[1].shape[0]: expected the same batch in each input'],
    ['a block that is too short', rawRequest('affine', x('FP32', [1, 3], new Float32Array(2)), ids), 'raw_input_contents[0]: expected 12 bytes as shape and datatype say, not 8'],
    ['a block that is too long', rawRequest('affine', x('FP32', [1, 3], new Float32Array(4)), ids), 'raw_input_contents[0]: expected 12 bytes'],
    ['a block too few', { ...good, raw_input_contents: [Buffer.alloc(12)] }, 'raw_input_contents: expected one block per input: 2'],
    ['a block too many', { ...good, raw_input_contents: [...(good.raw_input_contents as Buffer[]), Buffer.alloc(1)] }, 'raw_input_contents: expected one block per input: 2'],
    ['no values at all', { ...good, raw_input_contents: [] }, 'inputs[0].contents: expected values here, or in raw_input_contents'],
    ['an unknown output', { ...good, outputs: [{ name: 'nothing' }] }, 'outputs[0].name: expected one of scaled, sum, next'],
    ['an output twice', { ...good, outputs: [{ name: 'sum' }, { name: 'sum' }] }, 'outputs[1].name: expected each output once'],
    ['bytes that are no text', rawRequest('text', x('BYTES', [1, 1], encodeBytesTensor([Uint8Array.of(0xff)]))), 'raw_input_contents[0]: element 0: expected UTF-8'],
    ['text with a NUL', rawRequest('text', x('BYTES', [1, 1], encodeBytesTensor([Uint8Array.of(97, 0)]))), 'raw_input_contents[0]: element 0: expected text without NUL'],
    ['a cut element', rawRequest('text', x('BYTES', [1, 1], Buffer.from([9, 0, 0, 0, 1]))), 'raw_input_contents[0]: expected 1 elements'],
    ['a truth value of 2', rawRequest('flag', x('BOOL', [1, 2], Uint8Array.of(1, 2))), 'raw_input_contents[0]: element 1: expected 0 or 1'],
    ['NaN where the manifest says so', rawRequest('careful', x('FP32', [1, 2], Float32Array.of(1, Number.NaN))), 'raw_input_contents[0]: element 1: expected a number, not NaN'],
    ['half a NaN', rawRequest('half', x('FP16', [1, 2], Uint16Array.of(0x7c00, 0xfe00))), 'raw_input_contents[0]: element 1: expected a number, not NaN'],
    ['a typed NaN', typed('FP32', [1, 1], { fp32_contents: [Number.NaN] }), 'inputs[0].contents: element 0: expected a number, not NaN'],
    ['typed values in the wrong list', typed('INT8', [1, 1], { fp32_contents: [1] }), 'inputs[0].contents: INT8 values belong in int_contents, not in fp32_contents'],
    ['typed values out of range', typed('INT8', [1, 2], { int_contents: [1, 128] }), 'inputs[0].contents: int_contents[1] is out of the range of INT8'],
    ['too few typed values', typed('INT8', [1, 2], { int_contents: [1] }), 'inputs[0].contents: int_contents has 1 elements, the shape 2'],
    ['typed halves', typed('FP16', [1, 1], { fp32_contents: [1] }), 'inputs[0].contents: FP16 has no typed values; use raw_input_contents'],
    ['a number that typed values cannot carry', typed('INT64', [1, 1], { int64_contents: ['9007199254740993'] }), 'inputs[0].contents: int64_contents[0] is out of the range of INT64; beyond 2^53 use raw_input_contents'],
    ['typed and raw values at once', { ...typed('INT8', [1, 1], { int_contents: [1] }), raw_input_contents: [Buffer.alloc(1)] }, 'inputs[0].contents: expected to be unset when raw_input_contents is used'],
    ['state between requests', { ...good, parameters: { sequence_id: { int64_param: 7 } } }, 'parameters.sequence_id: not supported'],
    ['shared memory', { ...good, outputs: [{ name: 'sum', parameters: { shared_memory_region: { string_param: 'a' } } }] }, 'outputs[0].parameters.shared_memory_region: not supported'],
  ]; // biome-ignore format: one line a case reads as a table

  it.each(cases)('%s', async (_, request, words) => {
    const reason = words.includes('parameters') ? 'invalid_request' : 'invalid_tensor';
    expect(await problemOf(request)).toContain(`${reason} ${words}`);
  });

  it('and goes on serving', async () => {
    expect(await problemOf(good)).toBeUndefined();
  });
});

describe('millions of empty strings', () => {
  const words: InputSpec = { name: 'x', datatype: 'BYTES', shape: [-1, -1] };
  const manifest = { inputs: [words], outputs: [], batching: { max_batch_size: 1 } } as unknown as Manifest;
  const asked = (shape: number[], block: Uint8Array) =>
    ({
      inputs: [{ name: 'x', datatype: 'BYTES', shape, contents: null }],
      outputs: [],
      raw_input_contents: [block],
    }) as never;

  it('are refused by their shape, before their block is looked at', () => {
    const untouchable = new Proxy(new Uint8Array(0), {
      get: () => expect.unreachable('the block was looked at'),
    });
    expect(() => readTensorRequest(asked([1, 4_000_000], untouchable), manifest, 65_536)).toThrow(
      'inputs[0].shape: expected at most 65536 elements of BYTES in a call.',
    );
  });

  it('are refused where the shape hides them', () => {
    expect(() => readTensorRequest(asked([1, 10], new Uint8Array(400)), manifest, 10)).toThrow(
      'raw_input_contents[0]: expected 10 elements',
    );
  });

  it('count over all inputs of a call', () => {
    const two = { ...manifest, inputs: [words, { ...words, name: 'y' }] };
    const block = encodeBytesTensor(Array(6).fill(new Uint8Array(0)));
    const tensor = { datatype: 'BYTES', shape: [1, 6], contents: null };
    const request = {
      inputs: [
        { ...tensor, name: 'x' },
        { ...tensor, name: 'y' },
      ],
      outputs: [],
      raw_input_contents: [block, block],
    } as never;
    expect(() => readTensorRequest(request, two, 11)).toThrow(
      'inputs[1].shape: expected at most 11 elements',
    );
    expect(readTensorRequest(request, two, 12).items).toHaveLength(1);
  });
});

describe('reading a tensor request', () => {
  const manifest = {
    inputs: [careful, { name: 'n', datatype: 'INT16', shape: [-1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
    batching: { max_batch_size: 8 },
  } as unknown as Manifest;
  const side = fc.oneof(
    fc.integer({ min: -2, max: 9 }),
    fc.double(),
    fc.constantFrom(2 ** 31, 2 ** 53, 2 ** 63),
  );
  const tensor = fc.record({
    name: fc.constantFrom('x', 'n', 'z'),
    datatype: fc.constantFrom('FP32', 'INT16', 'BYTES', ''),
    shape: fc.array(side, { maxLength: 3 }),
    parameters: fc.constant({}),
    contents: fc.constant(null),
  });

  it('gives rows that fit the manifest or invalid_tensor, whatever comes', () => {
    const request = fc.record({
      inputs: fc.array(tensor, { maxLength: 3 }),
      outputs: fc.array(fc.record({ name: fc.constantFrom('y', 'z') }), { maxLength: 2 }),
      raw_input_contents: fc.array(
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        { maxLength: 3 },
      ),
    });
    fc.assert(
      fc.property(request, (asked) => {
        try {
          const { items } = readTensorRequest(asked as never, manifest, 8);
          expect(items.length).toBeGreaterThanOrEqual(1);
          expect(items.length).toBeLessThanOrEqual(8);
          for (const [first, second] of items) {
            expect(first?.block.byteLength).toBe(4 * (first?.shape[1] ?? 0));
            expect(second?.block.byteLength).toBe(2);
          }
        } catch (error) {
          expect(error).toMatchObject({ reason: 'invalid_tensor' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an answer over the limit of a message', () => {
  it('is refused alone: its stream goes on, and the calls of others on it', async () => {
    const limits = { HEADGATE_INFERENCE__LIMITS__MESSAGE_BYTES: '100000' };
    const small = await runInference(['1'], limits, ({ addTensorModel }) =>
      addTensorModel('small', echoOf('INT8')),
    );
    await small.started();
    const answers: ModelStreamInferResponse__Output[] = [];
    const stream = small.client.modelStreamInfer();
    stream.on('data', (answer: ModelStreamInferResponse__Output) => answers.push(answer));
    stream.on('error', () => undefined);
    const ask = (id: string, bytes: number) =>
      stream.write({ ...rawRequest('small', x('INT8', [1, bytes], new Int8Array(bytes))), id });
    ask('large', 99_920);
    ask('small', 9);
    await expect.poll(() => answers.length, { timeout: 5000 }).toBe(2);
    stream.end();
    const unary = small.infer(rawRequest('small', x('INT8', [1, 99_920], new Int8Array(99_920))));
    await expect(unary).rejects.toMatchObject({ details: expect.stringContaining('more than 100000 bytes') });
    await small.stop();
    const [large, fine] = ['large', 'small'].map((id) =>
      answers.find(({ infer_response }) => infer_response?.id === id),
    );
    expect(large).toMatchObject({
      error_message: expect.stringContaining('more than 100000 bytes'),
      infer_response: { parameters: { headgate_reason: { string_param: 'invalid_request' } } },
    });
    expect(fine?.error_message).toBe('');
  }, 30_000);
});
