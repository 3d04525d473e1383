import type { HeadgateError } from '@headgate/contracts/errors';
import type { batchingSchema } from '@headgate/contracts/manifest';
import { ManualClock } from '@headgate/testkit/manual-clock';
import type { z } from 'zod';
import type { Batch } from '../batch.ts';
import { Dispatcher, type DispatchOptions, type Work } from '../dispatch.ts';
import { FakeEngine } from './fake-engine.ts';
import { policiesFor } from './policies.ts';

export interface DispatcherSetup {
  readonly batching?: z.input<typeof batchingSchema>;
  readonly admission?: Partial<DispatchOptions['admission']>;
  readonly engines?: number;
  /** Ms of a run by batch size. */
  readonly warmUpMs?: ReadonlyMap<number, number>;
}

/** A dispatcher with engines that do nothing until the test says so, on a clock that stands still. */
export function setUpDispatcher({ batching, admission, engines = 1, warmUpMs }: DispatcherSetup = {}) {
  const clock = new ManualClock();
  const batches: Batch[] = [];
  const policies = policiesFor({ max_batch_size: 2, max_queue_size: 8, ...batching });
  const dispatcher = new Dispatcher({
    ...policies,
    admission: { ...policies.admission, ...admission },
    clock,
    observer: {
      batchStarted: (batch) => {
        batches.push(batch);
        return () => {};
      },
    },
  });
  const fakes = Array.from({ length: engines }, () => new FakeEngine(policies.batch.maxBatchSize));
  for (const engine of fakes) dispatcher.attach(engine, warmUpMs);
  const submit = (
    image: number,
    { deadlineMs = 1000, ...terms }: Partial<Work> & { deadlineMs?: number } = {},
  ) =>
    dispatcher.submit({
      payload: Uint8Array.of(image),
      level: 1,
      deadlineAtMs: clock.monotonicMs() + deadlineMs,
      queueTimeoutMs: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
      span: undefined,
      ...terms,
    });
  return { clock, dispatcher, submit, batches, engine: fakes[0] as FakeEngine, fakes };
}

/** How a call ended: ok, or the reason of its error. */
export const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error: HeadgateError) => error.reason,
  );
