import { Metadata, status } from '@grpc/grpc-js';
import type { HeadgateError, Reason } from '@headgate/contracts/errors';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type InferCall,
  type InferDone,
  type InferServer,
  startInferServer,
} from '../testing/infer-server.ts';
import { type Channels, openChannels } from './channels.ts';
import { type Direct, openDirect } from './direct.ts';
import { callOnce, type InferCaller } from './first-attempt.ts';
import type { CallContext } from './open-inference.ts';
import { type SecondAttemptOptions, secondAttempt } from './second-attempt.ts';

type Answer = (call: InferCall, done: InferDone) => void;

const config = {
  enabled: true,
  min_remaining_ms: 50,
  budget: { share: 0.2, min_retries: 1000, window_ms: 10_000 },
};
const works: Answer = (_, done) => done(null, { model_name: 'm' });
const fails =
  (code: status): Answer =>
  (_, done) =>
    done({ code, details: 'no', metadata: new Metadata() });
const NAME = { model: 'm', version: '1' };

let servers: InferServer[];
let channels: Channels;
let direct: Direct;
let heard: string[];

const addressOf = ({ port }: InferServer) => `127.0.0.1:${port}`;

/** A caller of endpoints that answer so, all of which count as serving. */
async function callerOf(
  answers: Answer[],
  changes: Partial<SecondAttemptOptions> = {},
): Promise<InferCaller> {
  servers = await Promise.all(answers.map((answer) => startInferServer(answer)));
  const addresses = servers.map(addressOf);
  channels = openChannels({ target: `ipv4:${addresses.join(',')}`, count: 2, messageBytes: 2 ** 20 });
  direct = openDirect(2 ** 20);
  return secondAttempt({
    first: callOnce(channels),
    direct,
    endpoints: () => addresses,
    addressesOf: () => addresses,
    config,
    report: { breakerChanged() {}, retry: (dependency, outcome) => heard.push(`${dependency} ${outcome}`) },
    ...changes,
  });
}

const contextOf = (changes: Partial<CallContext> = {}): CallContext => ({
  requestId: 'r-1',
  tenant: null,
  variant: null,
  trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true },
  remainingMs: 5000,
  signal: new AbortController().signal,
  ...changes,
});

const send = (caller: InferCaller, changes?: Partial<CallContext>): Promise<Reason | 'ok'> =>
  caller<ModelInferResponse__Output>(NAME, contextOf(changes), (to, { metadata, options, done }) =>
    to.ModelInfer({ model_name: 'm' }, metadata, options, done),
  ).then(
    () => 'ok' as const,
    (error: HeadgateError) => error.reason,
  );

beforeEach(() => {
  heard = [];
});
afterEach(() => {
  channels.close();
  direct.close();
  for (const server of servers) server.kill();
});

describe('A second attempt', () => {
  it('goes to the other endpoint, whichever connection had failed: no request fails, at any concurrency', async () => {
    const caller = await callerOf([fails(status.UNAVAILABLE), works]);
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => send(caller)));
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    const [bad, good] = servers as [InferServer, InferServer];
    expect(good.calls()).toBe(200);
    expect(bad.calls()).toBe(heard.length);
    expect(bad.calls()).toBeGreaterThan(0);
  });

  it('saves the calls of an endpoint that is killed while it works on them', async () => {
    const hang: Answer = () => undefined;
    const caller = await callerOf([hang, works]);
    const asked = Array.from({ length: 50 }, () => send(caller));
    const [victim] = servers as [InferServer, InferServer];
    await expect.poll(() => victim.calls()).toBeGreaterThan(5);
    victim.kill();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['ok']));
  });

  it('goes to the same endpoint where it is the only one', async () => {
    let first = true;
    const caller = await callerOf([
      (call, done) => {
        const answer = first ? fails(status.UNAVAILABLE) : works;
        first = false;
        answer(call, done);
      },
    ]);
    expect(await send(caller)).toBe('ok');
  });

  it('is the last one', async () => {
    const caller = await callerOf([fails(status.UNAVAILABLE), fails(status.UNAVAILABLE)]);
    expect(await send(caller)).toBe('unavailable');
    expect(servers.reduce((sum, one) => sum + one.calls(), 0)).toBe(2);
  });

  it.each<[string, status, Reason]>([
    ['overload', status.RESOURCE_EXHAUSTED, 'overloaded'],
    ['a deadline that passed', status.DEADLINE_EXCEEDED, 'deadline_exceeded'],
    ['a mistake of the caller', status.INVALID_ARGUMENT, 'invalid_request'],
    ['a failure inside', status.INTERNAL, 'internal'],
  ])('is not made after %s', async (_, code, reason) => {
    const caller = await callerOf([fails(code), fails(code)]);
    expect(await send(caller)).toBe(reason);
    expect(servers.reduce((sum, one) => sum + one.calls(), 0)).toBe(1);
  });

  it('is not made when too little of the deadline is left', async () => {
    let nowMs = 0;
    const late: Answer = (call, done) => {
      nowMs += 4960;
      fails(status.UNAVAILABLE)(call, done);
    };
    const caller = await callerOf([late, late], { nowMs: () => nowMs });
    expect(await send(caller)).toBe('unavailable');
    expect(heard).toEqual([]);
  });

  it('has what is left of the deadline, not the whole of it', async () => {
    let nowMs = 0;
    const late: Answer = (call, done) => {
      const leftMs = Number(call.getDeadline()) - Date.now();
      if (nowMs > 0) return leftMs < 2000 ? works(call, done) : fails(status.INTERNAL)(call, done);
      nowMs += 4000;
      return fails(status.UNAVAILABLE)(call, done);
    };
    const caller = await callerOf([late, late], { nowMs: () => nowMs });
    expect(await send(caller)).toBe('ok');
  });

  it('is not made when the budget is used up, or no endpoint serves the version, or it is switched off', async () => {
    const down = [fails(status.UNAVAILABLE), fails(status.UNAVAILABLE)];
    const total = () => servers.reduce((sum, one) => sum + one.calls(), 0);
    const thrifty = await callerOf(down, {
      config: { ...config, budget: { ...config.budget, min_retries: 1 } },
    });
    for (let i = 0; i < 4; i += 1) await send(thrifty);
    expect(total()).toBe(5);
    expect(heard.slice(0, 2)).toEqual(['inference sent', 'inference over_budget']);
    const before = { channels, direct, servers };
    for (const changes of [{ addressesOf: () => [] }, { config: { ...config, enabled: false } }]) {
      const caller = await callerOf(down, changes);
      expect(await send(caller)).toBe('unavailable');
      expect(total()).toBe(1);
      channels.close();
      for (const server of servers) server.kill();
    }
    before.channels.close();
    for (const server of before.servers) server.kill();
  });

  it('is not made for a caller who went away', async () => {
    const abort = new AbortController();
    const caller = await callerOf([
      (call, done) => {
        abort.abort();
        fails(status.UNAVAILABLE)(call, done);
      },
    ]);
    expect(await send(caller, { signal: abort.signal })).toBe('cancelled');
    expect(heard).toEqual([]);
  });
});
