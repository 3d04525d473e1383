import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HeadgateError } from '@headgate/contracts/errors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RequestDeadline } from '../deadline.ts';
import { callContext } from '../testing/calls.ts';
import { httpPredictor } from './http-predictor.ts';
import type { PredictCall } from './inference.ts';

const GOOD = {
  outputs: [
    { name: 'score', datatype: 'FP32', shape: [1, 2], data: [0.5, 0.25] },
    { name: 'label', datatype: 'BYTES', shape: [1, 2], data: ['tiger cat', 'lynx'] },
    { name: 'class_id', datatype: 'INT32', shape: [1, 2], data: [282, 287] },
  ],
  parameters: { run_ms: 7 },
};

describe('httpPredictor', () => {
  let server: Server;
  let seen: { request: IncomingMessage; body: Buffer };
  let answer: (response: ServerResponse) => void;

  beforeEach(async () => {
    answer = (response) => response.end(JSON.stringify(GOOD));
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      seen = { request, body: Buffer.concat(chunks) };
      answer(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  const deadlineOf = (ms: number) =>
    new RequestDeadline({ startedAtMs: 0, budgetMs: ms }, { monotonicMs: () => 0 });
  /** Has 99.5 ms left, and a timer that a busy machine does not reach. */
  const brief = () => Object.assign(deadlineOf(60_000), { remainingMs: () => 99.5 });
  const callOf = (deadline: RequestDeadline = brief()): PredictCall => ({
    ...callContext({ tenant: 'client01', deadline }),
    model: 'cats',
    version: '2',
    image: Uint8Array.of(1, 2, 3),
    sketch: false,
  });
  const predict = (deadline?: RequestDeadline) => {
    const { port } = server.address() as AddressInfo;
    return httpPredictor(`http://127.0.0.1:${port}`).predict(callOf(deadline));
  };

  it('sends a JSON head and the raw image, and reads the answer', async () => {
    expect(await predict()).toEqual({
      top: [
        { label: 'tiger cat', class_id: 282, score: 0.5 },
        { label: 'lynx', class_id: 287, score: 0.25 },
      ],
      timing: { queueMs: 0, decodeMs: 0, runMs: 7 },
      // Of a server that does not say what its engines spent.
      engineMs: 7,
    });
    const { url, headers } = seen.request;
    const headBytes = Number(headers['inference-header-content-length']);
    expect(url).toBe('/v2/models/cats/versions/2/infer');
    expect(headers).toMatchObject({ 'x-request-id': 'r-1', 'x-headgate-timeout-ms': '100' });
    expect(JSON.parse(seen.body.subarray(0, headBytes).toString())).toMatchObject({
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 7 } }],
    });
    expect([...seen.body.subarray(headBytes)]).toEqual([3, 0, 0, 0, 1, 2, 3]);
  });

  it.each([
    [400, 'invalid_request'],
    [404, 'unknown_version'],
    [429, 'overloaded'],
    [503, 'unavailable'],
    [504, 'deadline_exceeded'],
    [418, 'internal'],
  ])('answers for status %i, and shows nothing of the body', async (status, reason) => {
    answer = (response) => response.writeHead(status).end('secret of the server');
    const error: unknown = await predict().catch((e: unknown) => e);
    expect(error).toMatchObject({ reason, detail: expect.not.stringContaining('secret') });
  });

  it.each([
    ['no JSON', 'x'],
    ['no outputs', '{}'],
    ['columns of different length', JSON.stringify({ outputs: GOOD.outputs.slice(0, 2) })],
    ['a score that is no number', JSON.stringify(GOOD).replace('0.5', '"a"')],
  ])('answers internal to %s', async (_, text) => {
    answer = (response) => response.end(text);
    await expect(predict()).rejects.toMatchObject({ reason: 'internal' });
  });

  it('gives up with the reason of the deadline, before and after the answer has begun', async () => {
    const gone = new HeadgateError('deadline_exceeded', 'The deadline passed.');
    const deadline = deadlineOf(5000);
    answer = () => deadline.end(gone);
    await expect(predict(deadline)).rejects.toBe(gone);
    const later = deadlineOf(5000);
    answer = (response) => {
      response.write('{');
      setTimeout(() => later.end(gone), 20);
    };
    await expect(predict(later)).rejects.toBe(gone);
  });

  it('reports a server that is not there as unavailable', async () => {
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await expect(httpPredictor(`http://127.0.0.1:${port}`).predict(callOf())).rejects.toMatchObject({
      reason: 'unavailable',
    });
  });
});
