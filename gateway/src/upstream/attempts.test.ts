import { HeadgateError, type Reason } from '@headgate/contracts/errors';
import { STREAM } from '@headgate/contracts/names';
import { type Fault, type FaultProxy, startFaultProxy } from '@headgate/testkit/fault-proxy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RequestDeadline } from '../deadline.ts';
import { callContext, deadlineIn, poolOf } from '../testing/calls.ts';
import { type Answer, type InferServer, startInferServer } from '../testing/infer-server.ts';
import { Attempts, type AttemptsOptions } from './attempts.ts';
import type { CallContext } from './inference.ts';

const retry = {
  min_remaining_ms: 50,
  budget: { share: 0.2, min_retries: 1000, window_ms: 10_000 },
};
const works: Answer = (_, done) => done({ model_name: 'm' });
const fails =
  (reason: Reason): Answer =>
  (_, done) =>
    done({ reason });
const SERVING = new Set(['m/1']);
const notSilent = { onSilent: () => () => {} };

let servers: InferServer[] = [];
let endpoints: ReturnType<AttemptsOptions['endpoints']>[number][] = [];
let heard: string[];
/** Tells the callers of an endpoint that it fell silent. */
let silence: Set<() => void>[] = [];

/** A caller of endpoints that answer so, all of which count as serving. */
async function callerOf(answers: Answer[], changes: Partial<AttemptsOptions> = {}): Promise<Attempts> {
  close();
  servers = await Promise.all(answers.map((answer) => startInferServer(answer)));
  silence = servers.map(() => new Set());
  endpoints = servers.map(({ port }, i) => ({
    pool: poolOf(port),
    serving: SERVING,
    onSilent: (tell) => {
      silence[i]?.add(tell);
      return () => silence[i]?.delete(tell);
    },
  }));
  return new Attempts({
    endpoints: () => endpoints,
    retry,
    report: { breakerChanged() {}, retry: (dependency, outcome) => heard.push(`${dependency} ${outcome}`) },
    ...changes,
  });
}

const send = (caller: Attempts, changes?: Partial<CallContext>): Promise<Reason | 'ok'> =>
  caller.infer({ model_name: 'm', model_version: '1' }, callContext(changes)).then(
    () => 'ok' as const,
    (error: HeadgateError) => error.reason,
  );

const close = () => {
  for (const { pool } of endpoints) pool.close();
  for (const server of servers) server.kill();
};
const total = () => servers.reduce((sum, one) => sum + one.calls(), 0);

beforeEach(() => {
  heard = [];
});
afterEach(close);

describe('A first attempt', () => {
  const CALLS = 30;
  const callsWhile = async (caller: Attempts, serving: readonly number[]) => {
    endpoints = endpoints.map(({ pool }, i) => ({
      ...notSilent,
      pool,
      serving: serving.includes(i) ? SERVING : new Set<string>(),
    }));
    await Promise.all(Array.from({ length: CALLS }, () => send(caller)));
    return servers.map((server) => server.calls());
  };

  it('keeps away from a connected endpoint that does not serve the version, and shares among the others', async () => {
    const caller = await callerOf([works, works, works]);
    expect(await callsWhile(caller, [1, 2])).toEqual([0, CALLS / 2, CALLS / 2]);
  });

  it('goes to all endpoints while all serve the version, and while none is known to', async () => {
    const caller = await callerOf([works, works, works]);
    for (const serving of [[0, 1, 2], []]) {
      const before = servers.map((server) => server.calls());
      const after = await callsWhile(caller, serving);
      expect(after.every((calls, i) => calls > (before[i] as number))).toBe(true);
    }
  });

  it('fails while no endpoint is known', async () => {
    expect(await send(await callerOf([]))).toBe('unavailable');
  });

  it('keeps away from an endpoint whose connection is lost, while another one serves', async () => {
    const caller = await callerOf([works, works], { retry: null });
    for (let i = 0; i < 4; i += 1) await send(caller);
    servers[0]?.kill();
    await expect.poll(() => endpoints[0]?.pool.isUp).toBe(false);
    const outcomes = await Promise.all(Array.from({ length: CALLS }, () => send(caller)));
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
  });
});

describe('A second attempt', () => {
  it('goes to the other endpoint, whichever connection had failed: no request fails, at any concurrency', async () => {
    const caller = await callerOf([fails('unavailable'), works]);
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

  /** Calls of which half reached an endpoint that never answers and then falls silent. */
  const silenced = async (caller: Attempts) => {
    const asked = Array.from({ length: 20 }, () => send(caller, { deadline: deadlineIn(3000) }));
    await expect.poll(total).toBe(20);
    endpoints = endpoints.slice(1);
    for (const tell of silence[0] ?? []) tell();
    return asked;
  };

  it('saves the calls of an endpoint that falls silent, cancels them there, and forgets it', async () => {
    let cancelled = 0;
    const hang: Answer = ({ onCancel }) =>
      onCancel(() => {
        cancelled += 1;
      });
    const caller = await callerOf([hang, works]);
    expect(new Set(await Promise.all(await silenced(caller)))).toEqual(new Set(['ok']));
    expect(heard).toEqual(Array.from({ length: 10 }, () => 'inference sent'));
    expect(silence.map(({ size }) => size)).toEqual([0, 0]);
    await expect.poll(() => cancelled).toBe(10);
  });

  it('loses to the answer of a silent endpoint that comes first, and is cancelled then', async () => {
    const held: (() => void)[] = [];
    let cancelled = 0;
    const slow: Answer = (call, done) => void held.push(() => works(call, done));
    const slower: Answer = (call, done) => {
      // What came before the silence is answered.
      if (total() <= 20) return works(call, done);
      call.onCancel(() => {
        cancelled += 1;
      });
    };
    const asked = await silenced(await callerOf([slow, slower]));
    await expect.poll(total).toBe(30);
    for (const answer of held) answer();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['ok']));
    await expect.poll(() => cancelled).toBe(10);
  });

  it('has the last word where the silent endpoint is lost then', async () => {
    const held: (() => void)[] = [];
    const slow: Answer = (call, done) =>
      void (total() <= 20 ? works(call, done) : held.push(() => works(call, done)));
    const asked = await silenced(await callerOf([() => undefined, slow]));
    await expect.poll(total).toBe(30);
    servers[0]?.kill();
    await expect.poll(() => held.length).toBe(10);
    for (const answer of held) answer();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['ok']));
  });

  it('leaves calls to a silent endpoint where they are when it is switched off: an answer may come', async () => {
    const held: (() => void)[] = [];
    const slow: Answer = (call, done) => void held.push(() => works(call, done));
    const asked = await silenced(await callerOf([slow, works], { retry: null }));
    for (const answer of held) answer();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['ok']));
    expect(total()).toBe(20);
  });

  it('goes to the same endpoint where it is the only one', async () => {
    let first = true;
    const caller = await callerOf([
      (call, done) => {
        const answer = first ? fails('unavailable') : works;
        first = false;
        answer(call, done);
      },
    ]);
    expect(await send(caller)).toBe('ok');
  });

  it('is the last one', async () => {
    const caller = await callerOf([fails('unavailable'), fails('unavailable')]);
    expect(await send(caller)).toBe('unavailable');
    expect(total()).toBe(2);
  });

  it.each<[string, Reason]>([
    ['overload', 'overloaded'],
    ['a deadline that passed', 'deadline_exceeded'],
    ['a mistake of the caller', 'invalid_request'],
    ['a failure inside', 'internal'],
  ])('is not made after %s', async (_, reason) => {
    const caller = await callerOf([fails(reason), fails(reason)]);
    expect(await send(caller)).toBe(reason);
    expect(total()).toBe(1);
  });

  it('is not made when too little of the deadline is left', async () => {
    let nowMs = 0;
    const late: Answer = (call, done) => {
      nowMs += 4960;
      fails('unavailable')(call, done);
    };
    const deadline = new RequestDeadline({ startedAtMs: 0, budgetMs: 5000 }, { monotonicMs: () => nowMs });
    expect(await send(await callerOf([late, late]), { deadline })).toBe('unavailable');
    expect(heard).toEqual([]);
  });

  it('has what is left of the deadline, not the whole of it', async () => {
    let nowMs = 0;
    const late: Answer = (call, done) => {
      const leftMs = Number(call.said[STREAM.deadlineMs]);
      if (nowMs > 0) return leftMs < 2000 ? works(call, done) : fails('internal')(call, done);
      nowMs += 4000;
      return fails('unavailable')(call, done);
    };
    const deadline = new RequestDeadline({ startedAtMs: 0, budgetMs: 5000 }, { monotonicMs: () => nowMs });
    expect(await send(await callerOf([late, late]), { deadline })).toBe('ok');
  });

  it('is not made when the budget is used up, or no endpoint serves the version, or it is switched off', async () => {
    const down = [fails('unavailable'), fails('unavailable')];
    const thrifty = await callerOf(down, {
      retry: { ...retry, budget: { ...retry.budget, min_retries: 1 } },
    });
    for (let i = 0; i < 4; i += 1) await send(thrifty);
    expect(total()).toBe(5);
    expect(heard.slice(0, 2)).toEqual(['inference sent', 'inference over_budget']);
    const nobody = await callerOf(down);
    endpoints = endpoints.map(({ pool }) => ({ ...notSilent, pool, serving: new Set<string>() }));
    expect(await send(nobody)).toBe('unavailable');
    expect(total()).toBe(1);
    expect(await send(await callerOf(down, { retry: null }))).toBe('unavailable');
    expect(total()).toBe(1);
  });

  it('is not made for a caller who went away', async () => {
    const deadline = deadlineIn(5000);
    const caller = await callerOf([
      (call, done) => {
        deadline.end(new HeadgateError('cancelled', 'Gone.'));
        fails('unavailable')(call, done);
      },
    ]);
    expect(await send(caller, { deadline })).toBe('cancelled');
    expect(heard).toEqual([]);
  });
});

describe('A connection to inference', () => {
  let proxy: FaultProxy;
  afterEach(() => proxy.close());

  it.each<[Fault, Reason | 'ok']>([
    [{ kind: 'latency', ms: 50 }, 'ok'],
    [{ kind: 'reset' }, 'unavailable'],
    [{ kind: 'black_hole' }, 'deadline_exceeded'],
    [{ kind: 'slow_close', ms: 50 }, 'unavailable'],
  ])('under %j ends each call with the right reason, and heals by itself', async (fault, reason) => {
    const caller = await callerOf([works], { retry: null });
    proxy = await startFaultProxy(servers[0]?.port ?? 0);
    endpoints[0]?.pool.close();
    endpoints = [{ ...notSilent, pool: poolOf(proxy.port), serving: SERVING }];
    const within = (ms: number) => send(caller, { deadline: deadlineIn(ms) });
    expect(await within(5000)).toBe('ok');
    proxy.set(fault);
    expect(await within(1000)).toBe(reason);
    proxy.set({ kind: 'none' });
    await expect.poll(() => within(1000), { timeout: 10_000 }).toBe('ok');
  });
});
