import { HeadgateError } from '@headgate/contracts/errors';
import { decodeBytesTensor } from '@headgate/contracts/tensor';
import { describe, expect, it } from 'vitest';
import { problemOf } from '../../testing/answers.ts';
import { CONFIG, fixture, KEYS } from '../../testing/app-fixture.ts';
import { echoInference } from '../../testing/echo-inference.ts';

interface Answer {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly outputs: readonly {
    readonly name: string;
    readonly data?: unknown;
    readonly parameters?: { readonly binary_data_size: number };
  }[];
}

const X = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2.5] };
const Y = { name: 'y', datatype: 'INT64', shape: [1], data: [7] };

/** The app in front of models that echo. */
async function rest() {
  const inference = echoInference();
  const { send, seen } = await fixture({ inference });
  const infer = (body: unknown, headers: Record<string, string> = {}, path = '/v2/models/net/infer') =>
    send(path, { method: 'POST', body: JSON.stringify(body), headers });
  return { send, seen, asked: inference.asked, infer };
}

const answerOf = async (response: Response) => (await response.json()) as Answer;

describe('POST /v2/models/{model}/infer', () => {
  it('answers in JSON, with the id of the caller, what answered, and how long it took', async () => {
    const { infer, asked } = await rest();
    const response = await infer({ id: 'my-id', inputs: [X, Y], parameters: { priority: 1, tag: 'a' } });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(response.headers.get('inference-header-content-length')).toBeNull();
    expect(await answerOf(response)).toEqual({
      model_name: 'net',
      model_version: '1',
      id: 'my-id',
      parameters: { queue_ms: 1.5, prediction_id: expect.any(String), variant: 'control' },
      outputs: [X, Y],
    });
    expect(asked.infers[0]?.context.tenant).toBe('bench001');
    expect(asked.infers[0]?.request).toMatchObject({
      id: 'my-id',
      model_name: 'net',
      model_version: '1',
      parameters: { priority: { int64_param: 1 }, tag: { string_param: 'a' } },
      outputs: [],
    });
  });

  it('answers the prediction id where the caller has none', async () => {
    const { id, parameters } = await answerOf(await (await rest()).infer({ inputs: [X] }));
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(parameters.prediction_id).toBe(id);
  });

  it('answers the outputs that were asked for, each in the form that was asked for', async () => {
    const { infer } = await rest();
    const outputs = [{ name: 'x', parameters: { binary_data: false } }, { name: 'y' }];
    const response = await infer({ inputs: [X, Y], outputs, parameters: { binary_data_output: true } });
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    const bytes = Buffer.from(await response.arrayBuffer());
    const jsonBytes = Number(response.headers.get('inference-header-content-length'));
    const answer = JSON.parse(bytes.toString('utf8', 0, jsonBytes)) as Answer;
    expect(answer.outputs[0]).toEqual(X);
    expect(answer.outputs[1]).toEqual({
      name: 'y',
      datatype: 'INT64',
      shape: [1],
      parameters: { binary_data_size: 8 },
    });
    expect(bytes.subarray(jsonBytes)).toEqual(Buffer.from(BigInt64Array.of(7n).buffer));
  });

  it('hands raw blocks on as they lie in the body', async () => {
    const { send, asked } = await rest();
    const head = Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'x', datatype: 'FP16', shape: [2], parameters: { binary_data_size: 4 } }],
        parameters: { binary_data_output: true },
      }),
    );
    const block = Buffer.from([1, 2, 3, 4]);
    const response = await send('/v2/models/net/infer', {
      method: 'POST',
      body: Buffer.concat([head, block]),
      headers: { 'inference-header-content-length': String(head.byteLength) },
    });
    expect(Buffer.from(await response.arrayBuffer()).subarray(-4)).toEqual(block);
    const [sent] = asked.infers[0]?.request.raw_input_contents ?? [];
    expect(sent).toEqual(new Uint8Array(block));
    // A view: the body is longer than the block.
    expect((sent as Uint8Array).buffer.byteLength).toBeGreaterThan(head.byteLength);
  });

  it.each([
    ['the tensor says so', { content_type: 'base64' }, {}, [0xff, 0xd8, 0xff, 0, 1]],
    ['the request says so', {}, { content_type: 'base64' }, [0xff, 0xd8, 0xff, 0, 1]],
    [
      'only the request says so',
      { content_type: 'str' },
      { content_type: 'base64' },
      Buffer.from('/9j/AAE='),
    ],
    ['nobody says so', {}, {}, Buffer.from('/9j/AAE=')],
  ])('reads BYTES in JSON as base64 or as text when %s', async (_when, ofTensor, ofRequest, bytes) => {
    const { infer, asked } = await rest();
    const input = { name: 'image', datatype: 'BYTES', shape: [1], data: ['/9j/AAE='] };
    const outputs = [{ name: 'none' }];
    await infer({ inputs: [{ ...input, parameters: ofTensor }], parameters: ofRequest, outputs });
    const { inputs, raw_input_contents, parameters } = asked.infers[0]?.request ?? {};
    const [element] = decodeBytesTensor(raw_input_contents?.[0] as Uint8Array, 1);
    expect(element).toEqual(Uint8Array.from(bytes));
    expect([inputs?.[0]?.parameters, parameters]).toEqual([{}, {}]);
  });

  it('writes all digits of 64-bit numbers, and the sign of zero', async () => {
    const { send } = await rest();
    const inputs = [
      { name: 'a', datatype: 'UINT64', shape: [1], parameters: { binary_data_size: 8 } },
      { name: 'b', datatype: 'FP64', shape: [1], data: [-0] },
    ];
    const head = Buffer.from(JSON.stringify({ inputs }).replace('[0]', '[-0]'));
    const response = await send('/v2/models/net/infer', {
      method: 'POST',
      body: Buffer.concat([head, Buffer.from(BigUint64Array.of(2n ** 64n - 1n).buffer)]),
      headers: { 'inference-header-content-length': String(head.byteLength) },
    });
    const text = await response.text();
    expect(text).toContain('"data":[18446744073709551615]');
    expect(text).toContain('"data":[-0.0]');
  });
});

describe('an answer that JSON cannot hold', () => {
  it.each([
    ['NaN', 'FP32', Buffer.from(Float32Array.of(1, Number.NaN).buffer), 2],
    ['an infinity', 'FP64', Buffer.from(Float64Array.of(Number.NEGATIVE_INFINITY).buffer), 1],
    ['FP16', 'FP16', Buffer.from([0, 0x3c]), 1],
    ['bytes that are no text', 'BYTES', Buffer.from([1, 0, 0, 0, 0xff]), 1],
  ])('because of %s is refused, with the remedy', async (_what, datatype, block, count) => {
    const { send } = await rest();
    const input = { name: 'x', datatype, shape: [count], parameters: { binary_data_size: block.byteLength } };
    const head = Buffer.from(JSON.stringify({ inputs: [input] }));
    const response = await send('/v2/models/net/infer', {
      method: 'POST',
      body: Buffer.concat([head, block]),
      headers: { 'inference-header-content-length': String(head.byteLength) },
    });
    expect([response.status, (await problemOf(response)).error]).toEqual([
      400,
      expect.stringMatching(/^The output x can be answered in binary only: .*binary_data: true/),
    ]);
  });
});

describe('the experiment', () => {
  it('includes unversioned requests: by unit, with fallback to the control', async () => {
    const { infer, asked, seen } = await rest();
    const variants = new Set<unknown>();
    for (let i = 0; i < 60; i++) {
      const { parameters } = await answerOf(await infer({ inputs: [X] }, { 'x-headgate-unit': `u${i}` }));
      variants.add(parameters.variant);
    }
    expect(variants).toEqual(new Set(['control', 'treatment']));
    expect(asked.infers.map(({ context }) => context.variant)).toEqual(
      seen.predictions.map((p) => p.variant),
    );
  });

  it('gives units of a version that is not ready the control', async () => {
    const inference = echoInference();
    const { send, seen } = await fixture({
      inference,
      readiness: { isReady: (_, version) => version !== '2' },
    });
    for (let i = 0; i < 60; i++) {
      await send('/v2/models/net/infer', {
        method: 'POST',
        body: JSON.stringify({ inputs: [X] }),
        headers: { 'x-headgate-unit': `u${i}` },
      });
    }
    expect(new Set(seen.predictions.map(({ version }) => version))).toEqual(new Set(['1']));
    expect(new Set(seen.predictions.map(({ assignedVariant }) => assignedVariant))).toEqual(
      new Set(['control', 'treatment']),
    );
  });

  it('does not include a version that a tester names, and nobody else may name one', async () => {
    const { infer, asked, seen } = await rest();
    const path = '/v2/models/net/versions/3/infer';
    expect((await infer({ inputs: [X] }, {}, path)).status).toBe(403);
    const answer = await answerOf(await infer({ inputs: [X] }, { 'x-api-key': KEYS.tester }, path));
    expect([answer.model_version, answer.parameters.variant]).toEqual(['3', undefined]);
    expect(asked.infers.map(({ context }) => context.variant)).toEqual([null]);
    expect(seen.predictions).toMatchObject([{ model: 'net', version: '3', variant: null, outcome: 'ok' }]);
  });
});

describe('the budget', () => {
  it.each([
    ['of the header', { 'x-headgate-timeout-ms': '800' }, {}, 800],
    ["of Triton's timeout in µs", {}, { timeout: 700_000 }, 700],
    ['of whichever is shorter', { 'x-headgate-timeout-ms': '600' }, { timeout: 700_000 }, 600],
    ['of the configuration, when the timeout is 0', {}, { timeout: 0 }, CONFIG.deadline.default_ms],
  ])('%s goes on', async (_what, headers, parameters, ms) => {
    const { infer, asked } = await rest();
    await infer({ inputs: [X], parameters }, headers as Record<string, string>);
    const remainingMs = asked.infers[0]?.context.deadline.remainingMs() ?? 0;
    expect(remainingMs).toBeLessThanOrEqual(ms);
    expect(remainingMs).toBeGreaterThan(ms - 400);
  });

  it('ends with the client: the call is cancelled', async () => {
    const leaves = new AbortController();
    const inference = echoInference();
    const { promise: called, resolve: onCall } = Promise.withResolvers<AbortSignal>();
    const { send, seen } = await fixture({
      inference: {
        ...inference,
        infer: (_request, { deadline: { signal } }) => {
          onCall(signal);
          return new Promise(() => {});
        },
      },
    });
    const sent = send('/v2/models/net/infer', {
      method: 'POST',
      body: JSON.stringify({ inputs: [X] }),
      signal: leaves.signal,
    });
    const signal = await called;
    expect(signal.aborted).toBe(false);
    leaves.abort();
    await sent.catch(() => undefined);
    expect(signal.aborted).toBe(true);
    expect(seen.predictions).toMatchObject([{ outcome: 'cancelled' }]);
  });
});

describe('a failure of inference', () => {
  it('is answered as a problem that clients of the protocol can read, and recorded', async () => {
    const refusal = new HeadgateError('overloaded', 'The queue is full.', { retryAfterMs: 2500 });
    const inference = { ...echoInference(), infer: () => Promise.reject(refusal) };
    const { send, seen } = await fixture({ inference });
    const response = await send('/v2/models/net/infer', {
      method: 'POST',
      body: JSON.stringify({ inputs: [X] }),
    });
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('retry-after')).toBe('3');
    expect(await response.json()).toEqual({
      error: 'The queue is full.',
      type: 'urn:headgate:problem:overloaded',
      title: 'The service is overloaded',
      status: 503,
      detail: 'The queue is full.',
      reason: 'overloaded',
      request_id: response.headers.get('x-request-id'),
    });
    expect(seen.predictions).toMatchObject([{ outcome: 'overloaded', variant: 'control' }]);
    expect(seen.requests.at(-1)).toMatchObject({ route: '/v2/models/:model/infer', reason: 'overloaded' });
  });

  it('whose answer contradicts itself is internal, and says nothing of it', async () => {
    const echo = echoInference();
    const inference: typeof echo = {
      ...echo,
      infer: async (...call) => ({ ...(await echo.infer(...call)), raw_output_contents: [Buffer.from([1])] }),
    };
    const { send } = await fixture({ inference });
    const response = await send('/v2/models/net/infer', {
      method: 'POST',
      body: JSON.stringify({ inputs: [X] }),
    });
    const { reason, error } = await problemOf(response);
    expect([response.status, reason]).toEqual([500, 'internal']);
    expect(error).not.toContain('elements');
  });
});
