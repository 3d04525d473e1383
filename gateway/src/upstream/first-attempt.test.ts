import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InferServer, startInferServer } from '../testing/infer-server.ts';
import { type Channels, openChannels } from './channels.ts';
import { type Direct, openDirect } from './direct.ts';
import { firstAttempt } from './first-attempt.ts';

const CALLS = 30;

let servers: InferServer[];
let all: string[];
let channels: Channels;
let direct: Direct;

beforeEach(async () => {
  const start = () => startInferServer((_, done) => done(null, { model_name: 'm' }));
  servers = await Promise.all([start(), start(), start()]);
  all = servers.map(({ port }) => `127.0.0.1:${port}`);
  channels = openChannels({ target: `ipv4:${all.join(',')}`, count: 2, messageBytes: 2 ** 20 });
  direct = openDirect(2 ** 20);
});
afterEach(() => {
  channels.close();
  direct.close();
  for (const server of servers) server.kill();
});

/** Calls by endpoint while these of them serve the version. */
async function callsWhile(serving: readonly string[]): Promise<number[]> {
  const caller = firstAttempt({ channels, direct, endpoints: () => all, addressesOf: () => serving });
  const context = {
    requestId: 'r-1',
    tenant: null,
    variant: null,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true },
    remainingMs: 5000,
    signal: new AbortController().signal,
  };
  const send = () =>
    caller<ModelInferResponse__Output>(
      { model: 'm', version: '1' },
      context,
      (to, { metadata, options, done }) => to.ModelInfer({ model_name: 'm' }, metadata, options, done),
    );
  await Promise.all(Array.from({ length: CALLS }, send));
  return servers.map((server) => server.calls());
}

describe('A first attempt', () => {
  it('keeps away from a connected endpoint that does not serve the version, and shares among the others', async () => {
    expect(await callsWhile(all.slice(1))).toEqual([0, CALLS / 2, CALLS / 2]);
  });

  it('goes to all endpoints while all serve the version, and while none is known to', async () => {
    for (const serving of [all, []]) {
      const reached = async () => {
        const before = servers.map((server) => server.calls());
        const after = await callsWhile(serving);
        return after.every((calls, i) => calls > (before[i] as number));
      };
      // The first connections may be faster than the others.
      await expect.poll(reached).toBe(true);
    }
  });
});
