import type { HeadgateError } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import type { Classes } from './engine/protocol.ts';
import { reasonOf, setUpDispatcher as setUp } from './testing/dispatcher.ts';
import { FakeEngine } from './testing/fake-engine.ts';

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

  it('takes more items than the queue holds while the engines have room for them', async () => {
    const { dispatcher } = setUp({ batching: { max_queue_size: 1 } });
    expect(() =>
      dispatcher.admit({ count: 3, remainingMs: 1000, work: 0.1, level: 1, share: '' }),
    ).not.toThrow();
    expect(() => dispatcher.admit({ count: 4, remainingMs: 1000, work: 0.1, level: 1, share: '' })).toThrow(
      /overloaded/,
    );
  });

  it('fills an engine that waits for company before it wakes another one', () => {
    const { submit, fakes, clock } = setUp({
      engines: 2,
      batching: { max_queue_delay_ms: 100, max_batch_size: 4 },
    });
    for (const image of [1, 2, 3]) submit(image).catch(() => {});
    for (const engine of fakes) engine.decodeAll();
    clock.advance(100);
    expect(fakes.map(({ runs }) => runs)).toEqual([[[1, 2, 3]], []]);
  });

  it('gives an item to the engine that is expected to be idle first', () => {
    const { submit, fakes, clock } = setUp({ engines: 2, warmUpMs: new Map([[1, 100]]) });
    const [first, second] = fakes as [FakeEngine, FakeEngine];
    submit(1).catch(() => {});
    first.decodeAll();
    clock.advance(70);
    submit(2).catch(() => {});
    second.decodeAll();
    clock.advance(20);
    submit(3).catch(() => {});
    expect([first.ahead, second.ahead]).toEqual([1, 0]);
  });

  it('lets an engine with nothing to do take half of what waits behind the run of another one', async () => {
    const { submit, dispatcher, fakes } = setUp({ batching: { max_batch_size: 4 } });
    const [busy] = fakes as [FakeEngine];
    const answers = [1, 2, 3, 4].map((image) => reasonOf(submit(image)));
    busy.finishDecode(busy.decoding[0] as number);
    busy.decodeAll();
    const fresh = new FakeEngine(4);
    dispatcher.attach(fresh);
    // 2, 3 and 4 waited; the newest two have moved, and are decoded anew.
    expect([busy.ahead, fresh.ahead]).toEqual([1, 2]);
    fresh.decodeAll();
    while (fakes.some(({ isRunning }) => isRunning) || fresh.isRunning) {
      for (const engine of [busy, fresh]) if (engine.isRunning) engine.finishRun();
    }
    expect([busy.runs, fresh.runs]).toEqual([
      [[1], [2]],
      [[3], [4]],
    ]);
    expect(await Promise.all(answers)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('never gives an engine an item that it had before: an old answer of the engine could be taken for the new one', () => {
    const { submit, dispatcher, fakes } = setUp({ batching: { max_batch_size: 2 } });
    const [first] = fakes as [FakeEngine];
    for (const image of [1, 2]) submit(image).catch(() => {});
    first.finishDecode(first.decoding[0] as number);
    const second = new FakeEngine(2);
    // It takes 2 from the first one, and then has a run of its own before it.
    dispatcher.attach(second);
    submit(3).catch(() => {});
    submit(4).catch(() => {});
    second.finishDecode(second.decoding.at(-1) as number);
    first.decodeAll();
    first.finishRun();
    first.finishRun();
    expect(second.isRunning).toBe(true);
    expect(first.runs.flat().includes(2)).toBe(false);
  });

  it('moves nothing to an engine that is to get no more work', () => {
    const { submit, dispatcher, fakes } = setUp({ engines: 2, batching: { max_batch_size: 4 } });
    const [busy, retiring] = fakes as [FakeEngine, FakeEngine];
    for (const image of [1, 2]) submit(image).catch(() => {});
    for (const engine of fakes) engine.decodeAll();
    void dispatcher.drain(retiring);
    for (const image of [3, 4]) submit(image).catch(() => {});
    retiring.finishRun();
    expect([busy.ahead, retiring.ahead]).toEqual([2, 0]);
  });

  it('hands the most urgent level ahead first, and in order of arrival within it', () => {
    const { submit, engine } = setUp({
      batching: { max_batch_size: 1, priority_levels: 2, default_priority_level: 2 },
    });
    for (const [image, level] of [2, 2, 2, 1, 1].entries()) submit(image, { level }).catch(() => {});
    for (let i = 0; i < 5; i += 1) {
      engine.decodeAll();
      engine.finishRun();
    }
    expect(engine.runs.flat()).toEqual([0, 3, 4, 1, 2]);
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

describe('the queue timeout of an item', () => {
  const delaying = { timeout_action: 'delay', max_batch_size: 1 } as const;

  it('refuses it at that moment, wherever it waits, and gives its place free', async () => {
    const { clock, submit, dispatcher, engine } = setUp({ batching: { max_batch_size: 1 } });
    const answers = [1, 2, 3].map((image) => reasonOf(submit(image, { queueTimeoutMs: 20 })));
    engine.decodeAll();
    clock.advance(20);
    expect([dispatcher.queued, dispatcher.inFlight, engine.ahead]).toEqual([0, 1, 0]);
    engine.finishRun();
    expect(await Promise.all(answers)).toEqual(['ok', 'deadline_exceeded', 'deadline_exceeded']);
    expect(clock.pending).toBe(0);
  });

  it('means nothing any more to an item that runs; its deadline does', async () => {
    const { clock, submit, engine } = setUp();
    const answer = reasonOf(submit(1, { queueTimeoutMs: 20, deadlineMs: 50 }));
    engine.decodeAll();
    clock.advance(49);
    expect(engine.isRunning).toBe(true);
    clock.advance(1);
    expect(await answer).toBe('deadline_exceeded');
  });

  it('puts it behind the others where the policy says delay', async () => {
    const { clock, submit, engine } = setUp({ batching: delaying });
    for (const image of [1, 2]) submit(image).catch(() => {});
    const delayed = reasonOf(submit(3, { queueTimeoutMs: 20 }));
    submit(4).catch(() => {});
    clock.advance(20);
    submit(5).catch(() => {});
    for (let i = 0; i < 5; i += 1) {
      engine.decodeAll();
      engine.finishRun();
    }
    expect(engine.runs.flat()).toEqual([1, 2, 4, 5, 3]);
    expect(await delayed).toBe('ok');
  });

  it('leaves a delayed item its deadline', async () => {
    const { clock, submit, dispatcher, engine } = setUp({ batching: delaying });
    for (const image of [1, 2]) submit(image).catch(() => {});
    engine.decodeAll();
    const delayed = reasonOf(submit(3, { queueTimeoutMs: 20, deadlineMs: 60 }));
    clock.advance(59);
    expect(dispatcher.queued).toBe(1);
    clock.advance(1);
    expect(await delayed).toBe('deadline_exceeded');
    expect(dispatcher.queued).toBe(0);
  });
});
