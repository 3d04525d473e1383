import { createLogger } from '@headgate/runtime/logger';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { describe, expect, it } from 'vitest';
import { LoadError, MemoryLimitError } from '../../load-error.ts';
import type { EndKind, EngineProcess } from './process.ts';
import { createPool, type Place } from './slot.ts';

/** Lets promises that are settled already run their reactions. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

interface Start {
  readonly place: Place;
  readonly result: PromiseWithResolvers<EngineProcess>;
}

/** A pool whose engines start and end when the test says so. */
function setUp(instances = 1, recycle: 'overlap' | 'replace' = 'overlap') {
  const clock = new ManualClock();
  const events: string[] = [];
  const starts: Start[] = [];
  let drained = Promise.withResolvers<void>();
  const pool = createPool({
    devices: Array.from({ length: instances }, (_, i) => i),
    maxBatchSize: 8,
    recycle,
    drainTimeoutMs: 5_000,
    restartMinMs: 100,
    restartMaxMs: 400,
    clock,
    log: createLogger({ service: 'test', level: 'silent' }),
    start: (place, signal) => {
      const result = Promise.withResolvers<EngineProcess>();
      signal.addEventListener('abort', () => result.reject(new LoadError('ended')));
      starts.push({ place, result });
      return result.promise;
    },
    listener: {
      up: () => events.push('up'),
      drain: () => {
        events.push('drain');
        drained = Promise.withResolvers();
        return drained.promise;
      },
      down: (_, reason, expected) => events.push(`${expected ? 'replaced' : 'down'}: ${reason}`),
      startFailed: (error) => events.push(`failed: ${(error as Error).message}`),
    },
  });
  /** Lets the newest start succeed. */
  const succeed = async (start = starts.at(-1)) => {
    const engine = fakeEngine();
    start?.result.resolve(engine.process);
    await settled();
    return engine;
  };
  const drain = async () => {
    drained.resolve();
    await settled();
  };
  const fail = async (error: string | Error) => {
    starts.at(-1)?.result.reject(typeof error === 'string' ? new LoadError(error) : error);
    await settled();
  };
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settled();
  };
  return { pool, clock, starts, events, succeed, fail, pass, drain };
}

/** An engine without a process. */
function fakeEngine() {
  const ended = Promise.withResolvers<string>();
  const wornOut = Promise.withResolvers<void>();
  const engine = {
    ended: ended.promise,
    wornOut: wornOut.promise,
    endKind: 'crash' as EndKind,
    residentBytes: () => 0,
    kill: () => ended.resolve('killed'),
  };
  return {
    process: engine as unknown as EngineProcess,
    async end(reason: string, kind: EndKind = 'crash') {
      engine.endKind = kind;
      ended.resolve(reason);
      await settled();
    },
    async wearOut() {
      wornOut.resolve();
      await settled();
    },
  };
}

describe('createPool', () => {
  it('starts an engine that ended again after the pause', async () => {
    const { pool, starts, events, succeed, pass } = setUp();
    const { end } = await succeed();
    expect(pool.engines()).toHaveLength(1);
    await end('SIGSEGV');
    expect([pool.engines().length, events]).toEqual([0, ['up', 'down: SIGSEGV']]);
    await pass(99);
    expect(starts).toHaveLength(1);
    await pass(1);
    expect([starts.length, pool.slots()[0]?.restarts]).toEqual([2, new Map([['crash', 1]])]);
    await succeed();
    expect(pool.engines()).toHaveLength(1);
  });

  it('doubles the pause with every failure up to the longest, and says each time why', async () => {
    const { starts, events, fail, pass } = setUp();
    for (const pauseMs of [100, 200, 400, 400]) {
      const before = starts.length;
      await fail('wrong digest');
      await pass(pauseMs - 1);
      expect(starts).toHaveLength(before);
      await pass(1);
      expect(starts).toHaveLength(before + 1);
    }
    expect(events).toEqual(Array.from({ length: 4 }, () => 'failed: wrong digest'));
  });

  it('begins with the shortest pause again once an engine has held out', async () => {
    const { starts, succeed, fail, pass } = setUp();
    await fail('first');
    await pass(100);
    await fail('second');
    await pass(200);
    const { end } = await succeed();
    await pass(400);
    await end('SIGKILL');
    await pass(100);
    expect(starts).toHaveLength(4);
  });

  it('keeps the other engines while one is started again', async () => {
    const { pool, starts, succeed } = setUp(2);
    const [first, second] = [await succeed(starts[0]), await succeed(starts[1])];
    expect(pool.engines()).toHaveLength(2);
    await first.end('SIGKILL');
    expect(pool.engines()).toHaveLength(1);
    await second.end('SIGKILL');
    expect(pool.engines()).toHaveLength(0);
  });

  it('ends engines that run, that load and that wait when it is closed, and starts none afterwards', async () => {
    const { pool, clock, starts, succeed, pass } = setUp(3);
    await succeed(starts[0]);
    const { end } = await succeed(starts[1]);
    await end('SIGKILL');
    await pool.close();
    await pass(10_000);
    expect([pool.engines().length, starts.length, clock.pending]).toEqual([0, 3, 0]);
  });

  it('ends an engine that becomes ready at the moment of closing', async () => {
    const { pool, starts, events } = setUp();
    const engine = fakeEngine();
    starts[0]?.result.resolve(engine.process);
    await pool.close();
    expect(await engine.process.ended).toBe('killed');
    expect(events).not.toContain('up');
  });

  it('shows how a crash loop goes: how often and why it was started again, and how long it pauses now', async () => {
    const { pool, succeed, fail, pass } = setUp();
    const { end } = await succeed();
    await end('ended by SIGSEGV', 'crash');
    expect(pool.slots()[0]).toMatchObject({ pauseMs: 100, lastReason: 'ended by SIGSEGV' });
    await pass(100);
    expect(pool.slots()[0]).toMatchObject({ pauseMs: 0 });
    await fail('wrong digest');
    expect(pool.slots()[0]).toMatchObject({ pauseMs: 200, lastReason: 'wrong digest' });
    await pass(200);
    expect(pool.slots()[0]?.restarts).toEqual(
      new Map([
        ['crash', 1],
        ['load', 1],
      ]),
    );
  });

  it('starts each engine on its own device, and again on the same', async () => {
    const { starts, succeed, pass } = setUp(2);
    expect(starts.map(({ place }) => place.deviceId)).toEqual([0, 1]);
    const { end } = await succeed(starts[1]);
    await end('SIGKILL');
    await pass(100);
    expect(starts[2]?.place).toEqual({ deviceId: 1, maxBatchSize: 8 });
  });
});

describe('an engine without memory', () => {
  it('is started again with batches half as large, down to one; the others keep theirs', async () => {
    const { pool, starts, succeed, pass } = setUp(2);
    await succeed(starts[0]);
    for (const [i, maxBatchSize] of [4, 2, 1, 1].entries()) {
      const { end } = await succeed(starts[i + 1]);
      await end('killed', 'out_of_memory');
      await pass(1000);
      expect(starts[i + 2]?.place).toEqual({ deviceId: 1, maxBatchSize });
    }
    expect(pool.slots()).toMatchObject([
      { maxBatchSize: 8, outOfMemory: 0 },
      { maxBatchSize: 1, outOfMemory: 4 },
    ]);
  });

  it('has smaller batches too when it is the warm-up that does not fit', async () => {
    const { starts, fail, pass } = setUp();
    await fail('CUDA failure 2: out of memory ; GPU=0');
    await pass(100);
    expect(starts[1]?.place.maxBatchSize).toBe(4);
  });
});

describe('an engine over its memory limit', () => {
  it('is replaced: the fresh one is up before the old one drains, and that one ends when it has drained', async () => {
    const { pool, starts, events, succeed, pass, drain } = setUp();
    const old = await succeed();
    await old.wearOut();
    await pass(100);
    expect([starts.length, events]).toEqual([2, ['up']]);
    const fresh = await succeed();
    expect(events).toEqual(['up', 'up', 'drain']);
    expect(pool.engines()).toHaveLength(2);
    await drain();
    expect(events).toEqual(['up', 'up', 'drain', 'replaced: killed']);
    expect(pool.engines()).toEqual([fresh.process]);
    expect(pool.slots()[0]).toMatchObject({ recycles: 1, restarts: new Map() });
  });

  it('ends all the same when it does not drain in time', async () => {
    const { events, succeed, pass } = setUp();
    await (await succeed()).wearOut();
    await pass(100);
    await succeed();
    await pass(4_999);
    expect(events.at(-1)).toBe('drain');
    await pass(1);
    expect(events.at(-1)).toBe('replaced: killed');
  });

  it('ends before the fresh one starts where there is no room for both', async () => {
    const { starts, events, succeed, pass, drain } = setUp(1, 'replace');
    await (await succeed()).wearOut();
    await pass(100);
    expect([starts.length, events]).toEqual([1, ['up', 'drain']]);
    await drain();
    expect([starts.length, events.at(-1)]).toEqual([2, 'replaced: killed']);
  });

  it('is replaced ever more slowly when fresh ones grow as fast', async () => {
    const { starts, succeed, pass, drain } = setUp();
    let engine = await succeed();
    for (const pauseMs of [100, 200, 400, 400]) {
      const before = starts.length;
      await engine.wearOut();
      await pass(pauseMs - 1);
      expect(starts).toHaveLength(before);
      await pass(1);
      engine = await succeed();
      await drain();
    }
  });

  it('goes on when a fresh one is just as large, until it ends by itself; then the version has failed for good', async () => {
    const { pool, starts, events, succeed, fail, pass, clock } = setUp();
    const old = await succeed();
    await old.wearOut();
    await pass(100);
    await fail(new MemoryLimitError('too large'));
    await pass(10_000);
    expect([starts.length, pool.engines().length, events.at(-1)]).toEqual([2, 1, 'failed: too large']);
    await old.end('SIGKILL');
    await pass(10_000);
    expect([starts.length, pool.engines().length, clock.pending]).toEqual([2, 0, 0]);
    await pool.close();
  });

  it('is not started a second time when it is too large right away', async () => {
    const { starts, events, fail, pass } = setUp();
    await fail(new MemoryLimitError('too large'));
    await pass(100_000);
    expect([starts.length, events]).toEqual([1, ['failed: too large']]);
  });

  it('that ends while its successor starts is not waited for', async () => {
    const { pool, events, succeed, pass } = setUp();
    const old = await succeed();
    await old.wearOut();
    await pass(100);
    await old.end('SIGKILL');
    expect(events).toEqual(['up', 'down: SIGKILL']);
    await succeed();
    expect(pool.engines()).toHaveLength(1);
  });
});
