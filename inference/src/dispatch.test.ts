import type { HeadgateError } from '@headgate/contracts/errors';
import type { batchingSchema } from '@headgate/contracts/manifest';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Batch } from './batch.ts';
import { Dispatcher, type DispatchOptions, type Work } from './dispatch.ts';
import type { Classes } from './engine/protocol.ts';
import { FakeEngine } from './testing/fake-engine.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { policiesFor } from './testing/policies.ts';

interface Setup {
  readonly batching?: z.input<typeof batchingSchema>;
  readonly admission?: Partial<DispatchOptions['admission']>;
  readonly engines?: number;
  /** Ms of a run by batch size. */
  readonly warmUpMs?: ReadonlyMap<number, number>;
}

function setUp({ batching, admission, engines = 1, warmUpMs }: Setup = {}) {
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
      deadlineAtMs: clock.now() + deadlineMs,
      queueTimeoutMs: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
      span: undefined,
      ...terms,
    });
  return { clock, dispatcher, submit, batches, engine: fakes[0] as FakeEngine, fakes };
}

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error: HeadgateError) => error.reason,
  );
/** Lets promises that are settled already run their reactions. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('Dispatcher', () => {
  it('runs the first item at once and gathers the next batch while it runs', async () => {
    const { submit, engine } = setUp();
    const answers = [1, 2, 3].map((image) => submit(image));
    engine.finishDecode(engine.decoding[0] as number);
    expect(engine.runs).toEqual([[1]]);
    engine.decodeAll();
    expect(engine.runs).toEqual([[1]]);
    engine.finishRun();
    expect(engine.runs).toEqual([[1], [2, 3]]);
    engine.finishRun();
    const results = await Promise.all(answers);
    expect(results.map(({ row }) => (row as Classes).classIds[0])).toEqual([1, 2, 3]);
    expect(results.map(({ batchSize }) => batchSize)).toEqual([1, 2, 2]);
  });

  it('says how long an item waited, decoded and ran', async () => {
    const { clock, submit, engine } = setUp();
    const answer = submit(1);
    clock.advance(7);
    engine.decodeAll();
    clock.advance(10);
    engine.finishRun(10);
    expect(await answer).toMatchObject({ queueMs: 6, decodeMs: 1, runMs: 10, batchSize: 1 });
  });

  it('fails a broken image alone, and gives its place to the next one', async () => {
    const { submit, engine } = setUp();
    const answers = [1, 2, 3].map((image) => reasonOf(submit(image)));
    engine.failDecode(engine.decoding[0] as number);
    expect(engine.ahead).toBe(2);
    engine.decodeAll();
    engine.finishRun();
    engine.finishRun();
    expect(await Promise.all(answers)).toEqual(['undecodable_image', 'ok', 'ok']);
  });

  it('refuses items beyond the bound of the queue, with the time that the backlog will take', async () => {
    const { submit, engine } = setUp({ batching: { max_queue_size: 1 }, warmUpMs: new Map([[2, 100]]) });
    const accepted = [1, 2, 3].map((image) => reasonOf(submit(image)));
    const refused = await submit(4).catch((error: HeadgateError) => error);
    expect(refused).toMatchObject({ reason: 'overloaded', retryAfterMs: 150 });
    while (engine.ahead > 0 || engine.isRunning) {
      engine.decodeAll();
      engine.finishRun();
    }
    expect(await Promise.all(accepted)).toEqual(['ok', 'ok', 'ok']);
  });

  it('gives each item to the engine that has least to do', () => {
    const { submit, fakes } = setUp({ engines: 2 });
    for (const image of [1, 2, 3, 4]) submit(image).catch(() => {});
    expect(fakes.map(({ ahead }) => ahead)).toEqual([2, 2]);
  });

  it('answers an item whose deadline passes at that moment, also while its batch runs', async () => {
    const { clock, submit, engine } = setUp();
    const running = reasonOf(submit(1, { deadlineMs: 50 }));
    engine.decodeAll();
    const queued = reasonOf(submit(2, { deadlineMs: 30 }));
    clock.advance(29);
    expect(engine.ahead).toBe(1);
    clock.advance(1);
    expect(await queued).toBe('deadline_exceeded');
    expect(engine.ahead).toBe(0);
    clock.advance(20);
    expect(await running).toBe('deadline_exceeded');
    engine.finishRun();
    expect(engine.runs).toEqual([[1]]);
  });

  it('frees the place of a cancelled item at once and never runs it', async () => {
    const { submit, dispatcher, engine } = setUp({ batching: { max_queue_size: 1 } });
    const callers = [1, 2, 3].map(() => new AbortController());
    const answers = callers.map(({ signal }, i) => reasonOf(submit(i + 1, { signal })));
    expect(dispatcher.queued).toBe(1);
    for (const caller of [callers[2], callers[0]]) caller?.abort();
    expect([dispatcher.queued, dispatcher.inFlight, engine.ahead]).toEqual([0, 1, 1]);
    engine.decodeAll();
    engine.finishRun();
    expect(await Promise.all(answers)).toEqual(['cancelled', 'ok', 'cancelled']);
    expect(engine.runs).toEqual([[2]]);
  });

  it('does not accept an item whose caller has gone already', async () => {
    const { submit, dispatcher } = setUp();
    expect(await reasonOf(submit(1, { signal: AbortSignal.abort() }))).toBe('cancelled');
    expect(dispatcher.inFlight).toBe(0);
  });

  it('fails what an engine had when it ended; the others go on with what is queued', async () => {
    const { submit, dispatcher, fakes } = setUp({ engines: 2, batching: { max_batch_size: 1 } });
    const [first, second] = fakes as [FakeEngine, FakeEngine];
    const answers = [1, 2, 3].map((image) => reasonOf(submit(image)));
    dispatcher.detach(first, 'SIGKILL');
    second.decodeAll();
    second.finishRun();
    second.decodeAll();
    second.finishRun();
    expect(await Promise.all(answers)).toEqual(['unavailable', 'ok', 'ok']);
  });

  it('fails what is queued as retryable when the last engine ends, and refuses until one is back', async () => {
    const { submit, dispatcher, engine } = setUp();
    const answers = [1, 2, 3].map((image) => reasonOf(submit(image)));
    dispatcher.detach(engine, 'SIGKILL');
    expect(await Promise.all(answers)).toEqual(['unavailable', 'unavailable', 'unavailable']);
    expect(await reasonOf(submit(4))).toBe('unavailable');
    const next = new FakeEngine(2);
    dispatcher.attach(next);
    const answer = reasonOf(submit(5));
    next.decodeAll();
    next.finishRun();
    expect(await answer).toBe('ok');
  });

  it('fails every member of a batch that failed, and goes on with the next one', async () => {
    const { submit, engine } = setUp({ batching: { max_batch_size: 1 } });
    const answers = [1, 2].map((image) => reasonOf(submit(image)));
    engine.decodeAll();
    engine.failRun();
    engine.decodeAll();
    engine.finishRun();
    expect(await Promise.all(answers)).toEqual(['internal', 'ok']);
  });

  it('lets an idle engine wait for company as long as the policy grants, and no longer', async () => {
    const { clock, submit, engine, batches } = setUp({
      batching: { max_queue_delay_ms: 20, max_batch_size: 3 },
    });
    submit(1).catch(() => {});
    engine.decodeAll();
    clock.advance(19);
    submit(2).catch(() => {});
    engine.decodeAll();
    expect(engine.runs).toEqual([]);
    clock.advance(1);
    expect(engine.runs).toEqual([[1, 2]]);
    expect(batches[0]?.reason).toBe('delay');
  });

  it('is drained when the last accepted item is answered, and leaves no timer behind', async () => {
    const { clock, submit, dispatcher, engine } = setUp();
    const answer = submit(1);
    let drained = false;
    const done = dispatcher.drained().then(() => {
      drained = true;
    });
    await settled();
    expect(drained).toBe(false);
    engine.decodeAll();
    engine.finishRun();
    await answer;
    await done;
    expect(clock.pending).toBe(0);
  });
});

describe('an engine that is drained', () => {
  it('gets nothing more, finishes what it has, and says when that is all', async () => {
    const { dispatcher, submit, fakes } = setUp({ engines: 2 });
    const [old, fresh] = fakes as [FakeEngine, FakeEngine];
    const first = [1, 2].map((image) => submit(image));
    const events: string[] = [];
    const drained = dispatcher.drain(old).then(() => events.push('drained'));
    const second = [3, 4].map((image) => submit(image));
    for (const engine of fakes) engine.decodeAll();
    await settled();
    expect([old.runs, events]).toEqual([[[1]], []]);
    old.finishRun();
    await drained;
    for (const _ of second) {
      fresh.decodeAll();
      if (fresh.isRunning) fresh.finishRun();
    }
    fresh.decodeAll();
    if (fresh.isRunning) fresh.finishRun();
    expect((await Promise.all([...first, ...second])).length).toBe(4);
    expect(old.runs).toEqual([[1]]);
  });

  it('is drained at once when it has nothing, when its last item leaves, and when it ends', async () => {
    const { dispatcher, submit, fakes, engine } = setUp();
    await dispatcher.drain(engine);
    await dispatcher.drain(new FakeEngine(1));
    const other = new FakeEngine(2);
    dispatcher.attach(other);
    const controller = new AbortController();
    const answer = reasonOf(submit(1, { signal: controller.signal }));
    const drained = dispatcher.drain(other);
    controller.abort();
    await drained;
    expect([await answer, fakes[0]?.runs]).toEqual(['cancelled', []]);
    const third = new FakeEngine(2);
    dispatcher.attach(third);
    const lost = reasonOf(submit(2));
    const ended = dispatcher.drain(third);
    dispatcher.detach(third, 'killed');
    await ended;
    expect(await lost).toBe('unavailable');
  });
});

describe('an engine that takes less than the policy allows', () => {
  it('gathers and runs no more than that', async () => {
    const { dispatcher, submit } = setUp({ batching: { max_batch_size: 4 }, engines: 0 });
    const small = new FakeEngine(2);
    dispatcher.attach(small);
    const answers = [1, 2, 3, 4, 5].map((image) => submit(image));
    while (dispatcher.inFlight > 0) {
      small.decodeAll();
      if (small.isRunning) small.finishRun();
      await settled();
    }
    expect(Math.max(...(await Promise.all(answers)).map(({ batchSize }) => batchSize))).toBe(2);
  });
});
