import { systemClock } from '@headgate/runtime/clock';
import { createLogger } from '@headgate/runtime/logger';
import { expect, it } from 'vitest';
import { Dispatcher } from '../../dispatch.ts';
import { policiesFor } from '../../testing/policies.ts';
import type { EngineSpec } from '../protocol.ts';
import { startEngine } from './process.ts';
import { createPool } from './slot.ts';

const MiB = 2 ** 20;
const log = createLogger({ service: 'test', level: 'silent' });

/** Engines that grow over their limit with every run. */
const startGrowing = (signal: AbortSignal) =>
  startEngine(
    {
      entry: new URL('../../testing/broken-engine.ts', import.meta.url),
      env: process.env,
      log,
      startTimeoutMs: 30_000,
      runTimeoutMs: 30_000,
      memoryLimitBytes: 500 * MiB,
      spec: {
        directory: 'grow',
        decodeThreads: 1,
        manifest: { file: { external_data: [] }, batching: { max_batch_size: 4 } },
      } as unknown as EngineSpec,
    },
    signal,
  );

it('replaces engine after engine under load without a failed request', async () => {
  const dispatcher = new Dispatcher({
    ...policiesFor({ max_batch_size: 4 }),
    clock: systemClock,
    observer: { batchStarted: () => () => {} },
  });
  const firstUp = Promise.withResolvers<void>();
  const pool = createPool({
    devices: [0],
    maxBatchSize: 4,
    start: (_, signal) => startGrowing(signal),
    recycle: 'overlap',
    drainTimeoutMs: 30_000,
    restartMinMs: 1,
    restartMaxMs: 1,
    clock: systemClock,
    log,
    listener: {
      up: (engine) => {
        dispatcher.attach(engine);
        firstUp.resolve();
      },
      drain: (engine) => dispatcher.drain(engine),
      down: (engine, reason) => dispatcher.detach(engine, reason),
      startFailed: firstUp.reject,
    },
  });
  await firstUp.promise;
  const caller = async () => {
    let answered = 0;
    while ((pool.slots()[0]?.recycles ?? 0) < 3) {
      await dispatcher.submit({
        payload: Uint8Array.of(1),
        level: 1,
        deadlineAtMs: systemClock.monotonicMs() + 30_000,
        queueTimeoutMs: Number.POSITIVE_INFINITY,
        signal: new AbortController().signal,
        span: undefined,
      });
      answered += 1;
    }
    return answered;
  };
  const answered = await Promise.all(Array.from({ length: 8 }, caller));
  await pool.close();
  expect(Math.min(...answered)).toBeGreaterThan(0);
  expect(pool.engines()).toEqual([]);
});
