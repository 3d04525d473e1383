import type { HeadgateError, Reason } from '@headgate/contracts/errors';
import { type Fault, type FaultProxy, startFaultProxy } from '@headgate/testkit/fault-proxy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InferServer, startInferServer } from '../testing/infer-server.ts';
import { type Channels, openChannels } from './channels.ts';
import { callOnce } from './first-attempt.ts';

let server: InferServer;
let proxy: FaultProxy;
let channels: Channels;

beforeEach(async () => {
  server = await startInferServer((_, done) => done(null, { model_name: 'm' }));
  proxy = await startFaultProxy(server.port);
  channels = openChannels({ target: `127.0.0.1:${proxy.port}`, count: 1, messageBytes: 2 ** 20 });
});
afterEach(() => {
  channels.close();
  proxy.close();
  server.kill();
});

const send = (remainingMs: number): Promise<Reason | 'ok'> => {
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false };
  const { signal } = new AbortController();
  const context = { requestId: 'r', tenant: null, variant: null, trace, remainingMs, signal };
  return callOnce(channels)({ model: 'm', version: '1' }, context, (to, { metadata, options, done }) =>
    to.ModelInfer({ model_name: 'm' }, metadata, options, done),
  ).then(
    () => 'ok' as const,
    (error: HeadgateError) => error.reason,
  );
};

describe('A connection to inference', () => {
  it.each<[Fault, Reason | 'ok']>([
    [{ kind: 'latency', ms: 50 }, 'ok'],
    [{ kind: 'reset' }, 'unavailable'],
    [{ kind: 'black_hole' }, 'deadline_exceeded'],
    [{ kind: 'slow_close', ms: 50 }, 'unavailable'],
  ])('under %j ends each call with the right reason, and heals by itself', async (fault, reason) => {
    expect(await send(5000)).toBe('ok');
    proxy.set(fault);
    expect(await send(1000)).toBe(reason);
    proxy.set({ kind: 'none' });
    await expect.poll(() => send(1000), { timeout: 10_000 }).toBe('ok');
  });
});
