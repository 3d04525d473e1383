import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { problemOf } from '../../testing/answers.ts';
import { CONFIG, fixture, KEYS } from '../../testing/app-fixture.ts';
import { corpus } from '../../testing/corpus.ts';
import { echoInference } from '../../testing/echo-inference.ts';

const PATH = '/v2/models/net/infer';
const GOOD = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2] }] });

async function app() {
  const inference = echoInference();
  const { send, seen } = await fixture({ inference });
  const infer = (body: RequestInit['body'], headers: Record<string, string> = {}) =>
    send(PATH, { method: 'POST', body: body ?? null, headers });
  return { infer, seen, asked: inference.asked };
}

describe('whatever the corpus holds', () => {
  it('is answered with 200 or 400, the latter with the field in `error`, and never reaches inference then', async () => {
    const { infer, asked } = await app();
    for (const { name, body, headerLength, refused } of corpus()) {
      const before = asked.infers.length;
      const headers = headerLength === undefined ? {} : { 'inference-header-content-length': headerLength };
      const response = await infer(body, headers);
      // The echo of a BYTES block that is no BYTES block is no answer; inference itself would have refused it.
      if (name === 'ok-zero-byte-block') continue;
      expect([name, response.status]).toEqual([name, refused === null ? 200 : 400]);
      if (refused !== null) expect((await problemOf(response)).error).toContain(refused);
      expect([name, asked.infers.length - before]).toEqual([name, refused === null ? 1 : 0]);
    }
  });
});

describe('a compressed body', () => {
  it('has its header length counted after it is inflated', async () => {
    const headers = { 'content-encoding': 'gzip', 'inference-header-content-length': String(GOOD.length) };
    expect((await (await app()).infer(gzipSync(GOOD), headers)).status).toBe(200);
  });
});

describe('too much', () => {
  it.each([
    ['JSON', '1,'.repeat(300_000), 413, 'body_too_large', /^JSON may have at most .* binary_data_size/],
    [
      'nesting',
      '['.repeat(200_000),
      400,
      'invalid_request',
      /^body: expected at most .* lists, objects and members/,
    ],
    ['members', '"a":1,'.repeat(80_000), 400, 'invalid_request', /^body: expected/],
  ])('%s is refused before it is parsed', async (_what, text, status, reason, error) => {
    const response = await (await app()).infer(`{"inputs":[${text}`);
    expect([response.status, await problemOf(response)]).toEqual([
      status,
      expect.objectContaining({ reason, error: expect.stringMatching(error) }),
    ]);
  });

  it('is not what a string says, whatever it looks like', async () => {
    const text = `\\"${'{[:'.repeat(50_000)}`;
    const input = `{"name":"x","datatype":"BYTES","shape":[1],"data":["${text}"]}`;
    expect((await (await app()).infer(`{"inputs":[${input}]}`)).status).toBe(200);
  });

  it.each([
    // 8 bytes for each character and comma.
    ['tensors', 'FP64', 200_000, '1', 413, 'body_too_large', /^The tensors of a request may have at most/],
    [
      'strings',
      'BYTES',
      100_001,
      '""',
      400,
      'invalid_tensor',
      /^inputs\[0\]\.data: expected at most 100000 strings/,
    ],
  ])('%s in little JSON are refused', async (_what, datatype, count, value, status, reason, error) => {
    const data = `${`${value},`.repeat(count - 1)}${value}`;
    const text = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[${count}],"data":[${data}]}]}`;
    const response = await (await app()).infer(text);
    expect([response.status, await problemOf(response)]).toEqual([
      status,
      expect.objectContaining({ reason, error: expect.stringMatching(error) }),
    ]);
  });

  it('strings count over all inputs together', async () => {
    const data = `${'"",'.repeat(49_999)}""`;
    const input = `{"name":"x","datatype":"BYTES","shape":[50000],"data":[${data}]}`;
    const { infer } = await app();
    expect((await infer(`{"inputs":[${input},${input}]}`)).status).toBe(200);
    const response = await infer(`{"inputs":[${input},${input},${input}]}`);
    expect([response.status, await problemOf(response)]).toEqual([
      400,
      expect.objectContaining({
        reason: 'invalid_tensor',
        error: expect.stringMatching(/^inputs\[2\]\.data: expected at most 100000 strings in a request/),
      }),
    ]);
  });

  it('of an answer is refused in JSON, with the remedy', async () => {
    const { infer } = await app();
    const count = 250_001;
    const request = (parameters: object) =>
      Buffer.from(
        JSON.stringify({
          inputs: [{ name: 'x', datatype: 'UINT8', shape: [count], parameters: { binary_data_size: count } }],
          parameters,
        }),
      );
    const sent = (head: Buffer) =>
      infer(Buffer.concat([head, Buffer.alloc(count)]), {
        'inference-header-content-length': String(head.byteLength),
      });
    const refused = await sent(request({}));
    expect([refused.status, (await problemOf(refused)).error]).toEqual([
      400,
      expect.stringContaining('binary_data_output: true'),
    ]);
    expect((await sent(request({ binary_data_output: true }))).status).toBe(200);
  });

  it('in a body that announces it is refused before it is read', async () => {
    const response = await (await app()).infer(new Uint8Array(2 * CONFIG.limits.body_bytes));
    expect([response.status, (await problemOf(response)).reason]).toEqual([413, 'body_too_large']);
  });
});

describe('a body that is something else', () => {
  it('gets 415 with the way to send photos, whether it is a form or a photo', async () => {
    const { infer } = await app();
    const form = new FormData();
    form.append('image', new Blob(['x']));
    for (const response of [await infer(form), await infer('x', { 'content-type': 'image/jpeg' })]) {
      expect([response.status, (await problemOf(response)).error]).toEqual([
        415,
        expect.stringContaining('/predict'),
      ]);
    }
  });

  it('is refused when it is empty', async () => {
    const response = await (await app()).infer('');
    expect([response.status, (await problemOf(response)).reason]).toEqual([400, 'empty_body']);
  });
});

describe('the quota', () => {
  it('of predict-like routes counts infer requests, and no others under /v2', async () => {
    const { send, seen } = await fixture();
    const statuses: number[] = [];
    for (let i = 0; i < 11; i++) {
      const init = { method: 'POST', body: GOOD, headers: { 'x-api-key': KEYS.client } };
      statuses.push((await send(PATH, init)).status);
    }
    expect(statuses).toEqual([...Array(10).fill(200), 429]);
    expect(seen.rateLimited).toContain('key/predict');
    const read = await send('/v2/models/net', { headers: { 'x-api-key': KEYS.client } });
    expect(read.status).toBe(200);
  });
});
