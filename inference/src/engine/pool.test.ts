import { createLogger } from '@headgate/contracts/telemetry/logger';
import { describe, expect, it } from 'vitest';
import { LoadError } from '../load-error.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createPool } from './pool.ts';
import type { EngineProcess } from './process.ts';

/** Lets promises that are settled already run their reactions. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A pool whose engines start and end when the test says so. */
function setUp(instances = 1) {
  const clock = new ManualClock();
  const events: string[] = [];
  const starts: { readonly signal: AbortSignal; readonly result: PromiseWithResolvers<EngineProcess> }[] = [];
  const pool = createPool({
    instances,
    restartMinMs: 100,
    restartMaxMs: 400,
    clock,
    log: createLogger({ service: 'test', level: 'silent' }),
    start: (signal) => {
      const result = Promise.withResolvers<EngineProcess>();
      signal.addEventListener('abort', () => result.reject(new LoadError('ended')));
      starts.push({ signal, result });
      return result.promise;
    },
    listener: {
      up: () => events.push('up'),
      down: (_, reason) => events.push(`down: ${reason}`),
      startFailed: (error) => events.push(`failed: ${(error as Error).message}`),
    },
  });
  /** Lets the newest start succeed. @returns how to end that engine */
  const succeed = async (start = starts.at(-1)) => {
    const ended = Promise.withResolvers<string>();
    const engine = { ended: ended.promise, kill: () => ended.resolve('killed') } as unknown as EngineProcess;
    start?.result.resolve(engine);
    await settled();
    return async (reason: string) => {
      ended.resolve(reason);
      await settled();
    };
  };
  const fail = async (message: string) => {
    starts.at(-1)?.result.reject(new LoadError(message));
    await settled();
  };
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settled();
  };
  return { pool, clock, starts, events, succeed, fail, pass };
}

describe('createPool', () => {
  it('starts an engine that ended again after the pause', async () => {
    const { pool, starts, events, succeed, pass } = setUp();
    const end = await succeed();
    expect(pool.engines()).toHaveLength(1);
    await end('SIGSEGV');
    expect([pool.engines().length, events]).toEqual([0, ['up', 'down: SIGSEGV']]);
    await pass(99);
    expect(starts).toHaveLength(1);
    await pass(1);
    expect([starts.length, pool.restarts()]).toEqual([2, 1]);
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
    const end = await succeed();
    await pass(400);
    await end('SIGKILL');
    await pass(100);
    expect(starts).toHaveLength(4);
  });

  it('keeps the other engines while one is started again', async () => {
    const { pool, starts, succeed } = setUp(2);
    const [first, second] = [await succeed(starts[0]), await succeed(starts[1])];
    expect(pool.engines()).toHaveLength(2);
    await first('SIGKILL');
    expect(pool.engines()).toHaveLength(1);
    await second('SIGKILL');
    expect(pool.engines()).toHaveLength(0);
  });

  it('ends engines that run, that load and that wait when it is closed, and starts none afterwards', async () => {
    const { pool, clock, starts, succeed, pass } = setUp(3);
    await succeed(starts[0]);
    const end = await succeed(starts[1]);
    await end('SIGKILL');
    await pool.close();
    await pass(10_000);
    expect([pool.engines().length, starts.length, clock.pending]).toEqual([0, 3, 0]);
  });

  it('ends an engine that becomes ready at the moment of closing', async () => {
    const { pool, starts, events } = setUp();
    const ended = Promise.withResolvers<string>();
    const engine = { ended: ended.promise, kill: () => ended.resolve('killed') } as unknown as EngineProcess;
    starts[0]?.result.resolve(engine);
    await pool.close();
    expect(await ended.promise).toBe('killed');
    expect(events).not.toContain('up');
  });
});
