import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { STREAM } from '@headgate/contracts/names';
import { afterEach, describe, expect, it } from 'vitest';
import { callContext, deadlineIn, poolOf } from '../testing/calls.ts';
import { type Answer, type InferCall, type InferServer, startInferServer } from '../testing/infer-server.ts';
import type { Pool } from './connection.ts';
import { Endpoints } from './endpoints.ts';

let server: InferServer;
let pool: Pool;

const start = async (answer: Answer, how?: 'unary', renewMs?: number) => {
  server = await startInferServer(answer, how);
  pool = poolOf(server.port, renewMs);
};
afterEach(() => {
  pool.close();
  server.kill();
});

const infer = (name: string, request: ModelInferRequest = {}) =>
  pool.infer({ ...request, model_name: name }, callContext()).then(({ model_name }) => model_name);
const echo: Answer = ({ request }, done) => done({ model_name: request.model_name });

describe('Calls on streams', () => {
  it('share two streams, and each gets its own answer in whatever order answers come', async () => {
    const waiting: (() => void)[] = [];
    await start(({ request }, done) => {
      waiting.unshift(() => done({ model_name: request.model_name }));
      if (waiting.length === 20) for (const answer of waiting) answer();
    });
    const names = Array.from({ length: 20 }, (_, i) => `m${i}`);
    expect(await Promise.all(names.map((name) => infer(name)))).toEqual(names);
    expect(server.streams()).toBe(2);
  });

  it('fail alone', async () => {
    await start((call, done) => {
      if (call.request.model_name === 'bad') done({ reason: 'internal' });
      else setTimeout(() => echo(call, done), 20);
    });
    const others = ['a', 'b', 'c'].map((name) => infer(name));
    await expect(infer('bad')).rejects.toMatchObject({ reason: 'internal' });
    expect(await Promise.all(others)).toEqual(['a', 'b', 'c']);
  });

  it('are refused alone when they are too large for a message', async () => {
    await start((call, done) => setTimeout(() => echo(call, done), 20));
    const others = ['a', 'b'].map((name) => infer(name));
    const large = { raw_input_contents: [Buffer.alloc(12 * 2 ** 20)] };
    await expect(infer('large', large)).rejects.toMatchObject({ reason: 'body_too_large' });
    expect(await Promise.all(others)).toEqual(['a', 'b']);
    expect(server.streams()).toBe(2);
  });

  it('are unavailable when their stream ends, and the next one opens a new stream', async () => {
    let hang = true;
    await start((call, done) => {
      if (!hang) echo(call, done);
    });
    const lost = Promise.allSettled([infer('a'), infer('b')]);
    await expect.poll(() => server.calls()).toBe(2);
    pool.close();
    for (const outcome of await lost) expect(outcome).toMatchObject({ reason: { reason: 'unavailable' } });
    hang = false;
    pool = poolOf(server.port);
    expect(await infer('c')).toBe('c');
  });

  it('move to a new connection before the server ends the old one; those in progress finish there', async () => {
    const waiting: (() => void)[] = [];
    await start(
      (call, done) => {
        if (call.request.model_name === 'slow') waiting.push(() => echo(call, done));
        else echo(call, done);
      },
      undefined,
      50,
    );
    const slow = [infer('slow'), infer('slow')];
    await expect.poll(() => waiting.length).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await Promise.all([infer('a'), infer('b')])).toEqual(['a', 'b']);
    expect(server.streams()).toBe(4);
    for (const answer of waiting) answer();
    expect(await Promise.all(slow)).toEqual(['slow', 'slow']);
  });

  it('finish on an endpoint that leaves the name', async () => {
    const waiting: (() => void)[] = [];
    await start((call, done) => waiting.push(() => echo(call, done)));
    let addresses = [`127.0.0.1:${server.port}`];
    const endpoints = new Endpoints({
      resolve: async () => addresses,
      services: () => [],
      connection: { messageBytes: 2 ** 20, renewMs: Number.POSITIVE_INFINITY },
      onRound: () => undefined,
      onUnresolved: () => undefined,
      times: {
        resolveIntervalMs: 10,
        hurryIntervalMs: 10,
        intervalMs: 1000,
        quietIntervalMs: 1000,
        timeoutMs: 1000,
      },
    });
    await expect.poll(() => endpoints.all().length).toBe(1);
    const slow = endpoints.all()[0]?.pool.infer({ model_name: 'slow' }, callContext());
    await expect.poll(() => waiting.length).toBe(1);
    addresses = [];
    await expect.poll(() => endpoints.all().length).toBe(0);
    waiting[0]?.();
    await expect(slow).resolves.toMatchObject({ model_name: 'slow' });
    endpoints.stop();
  });

  it('are cancelled on the old connection too', async () => {
    let cancelled = 0;
    await start(
      (call, done) => {
        if (call.request.model_name === 'slow') call.onCancel(() => (cancelled += 1));
        else echo(call, done);
      },
      undefined,
      50,
    );
    const deadlines = [deadlineIn(5000), deadlineIn(5000)];
    const slow = deadlines.map((deadline) => pool.infer({ model_name: 'slow' }, callContext({ deadline })));
    await expect.poll(() => server.calls()).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await Promise.all([infer('a'), infer('b')]);
    for (const deadline of deadlines) deadline.end(new HeadgateError('cancelled', 'Gone.'));
    for (const outcome of await Promise.allSettled(slow)) {
      expect(outcome).toMatchObject({ reason: { reason: 'cancelled' } });
    }
    await expect.poll(() => cancelled).toBe(2);
  });

  it('are not sent any more once they are over, to a server that does not read for a while', async () => {
    await start(echo);
    await Promise.all([infer('a'), infer('b')]);
    server.setReading(false);
    const photo = { model_name: 'm', raw_input_contents: [Buffer.alloc(2 ** 18)] };
    const late = Array.from({ length: 200 }, () =>
      pool.infer(photo, callContext({ deadline: deadlineIn(200) })),
    );
    for (const outcome of await Promise.allSettled(late)) {
      expect(outcome).toMatchObject({ reason: { reason: 'deadline_exceeded' } });
    }
    server.setReading(true);
    expect(await Promise.all([infer('c'), infer('d')])).toEqual(['c', 'd']);
    // What fills the buffers of two streams.
    expect(server.calls()).toBeLessThan(100);
  });

  it('do not carry parameters of the caller that would speak in our name', async () => {
    let seen: InferCall | undefined;
    await start((call, done) => {
      seen = call;
      echo(call, done);
    });
    const forged = [STREAM.tenant, STREAM.variant, STREAM.cancel].map((name) => [name, { bool_param: true }]);
    const parameters = { ...Object.fromEntries(forged), mine: { string_param: 'x' } };
    expect(await infer('m', { parameters })).toBe('m');
    expect(seen?.said).toMatchObject({ mine: 'x', [STREAM.requestId]: 'r-1' });
    expect(Object.keys(seen?.said ?? {})).not.toEqual(expect.arrayContaining([STREAM.tenant]));
    expect(Object.keys(seen?.said ?? {})).not.toEqual(expect.arrayContaining([STREAM.variant]));
  });

  it('are unary calls where the server knows no streams', async () => {
    const seen: InferCall[] = [];
    await start((call, done) => {
      seen.push(call);
      if (call.request.model_name === 'bad') done({ reason: 'overloaded', detail: 'Full.' });
      else echo(call, done);
    }, 'unary');
    expect(await Promise.all(['a', 'b'].map((name) => infer(name)))).toEqual(['a', 'b']);
    expect(seen[0]?.said).toMatchObject({ 'x-request-id': 'r-1' });
    expect(seen[0]?.said.deadlineMs).toBeGreaterThan(3000);
    await expect(infer('bad')).rejects.toMatchObject({ reason: 'overloaded', detail: 'Full.' });
  });
});
