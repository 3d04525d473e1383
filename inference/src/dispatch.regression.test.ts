import { describe, expect, it } from 'vitest';
import type { Classes } from './engine/protocol.ts';
import { reasonOf, setUpDispatcher as setUp } from './testing/dispatcher.ts';

/** Bugs that users of other servers reported, each with the issue that describes it. */
describe('the dispatcher does not repeat', () => {
  it('BentoML#3859, #3710: a batch limit that counts requests instead of items', () => {
    const { submit, dispatcher, engine } = setUp({ batching: { max_batch_size: 4, max_queue_size: 2 } });
    submit(0).catch(() => {});
    engine.decodeAll();
    // Two calls of three items each.
    for (const image of [1, 2, 3, 4, 5, 6]) submit(image).catch(() => {});
    expect([engine.ahead, dispatcher.queued]).toEqual([4, 2]);
    expect(() => dispatcher.admit({ count: 1, remainingMs: 1000, work: 0.1, level: 1, share: '' })).toThrow(
      /overloaded/,
    );
    for (let i = 0; i < 3; i += 1) {
      engine.decodeAll();
      engine.finishRun();
    }
    expect(engine.runs.map(({ length }) => length)).toEqual([1, 4, 2]);
    expect(() => dispatcher.admit({ count: 7, remainingMs: 1000, work: 0.1, level: 1, share: '' })).toThrow(
      /overloaded/,
    );
  });

  it('MLServer#2065, #1936: a window that shrinks with each arrival (20 ms apart, 100 ms long: five, not two)', () => {
    const { submit, engine, clock } = setUp({ batching: { max_batch_size: 32, max_queue_delay_ms: 100 } });
    for (let image = 0; image < 10; image += 1) {
      submit(image).catch(() => {});
      engine.decodeAll();
      clock.advance(20);
      if (engine.isRunning) engine.finishRun();
    }
    expect(engine.runs).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8, 9],
    ]);
  });

  it('MLServer#1911: a second member that gets no data, or those of another one', async () => {
    const { submit, engine } = setUp({ batching: { max_batch_size: 8 } });
    const answers = [7, 8, 9].map((image) => submit(image));
    // They become ready in another order than they came.
    for (const id of [...engine.decoding].reverse()) engine.finishDecode(id);
    engine.finishRun();
    engine.finishRun();
    const classes = (await Promise.all(answers)).map(({ row }) => (row as Classes).classIds[0]);
    expect(classes).toEqual([7, 8, 9]);
  });

  it('ray#41199, pytorch/serve#1854: a cancelled member that stops the loop', async () => {
    const { submit, engine } = setUp({ batching: { max_batch_size: 3 } });
    const caller = new AbortController();
    const answers = [submit(1), submit(2, { signal: caller.signal }), submit(3)].map(reasonOf);
    engine.decodeAll();
    caller.abort();
    while (engine.isRunning) engine.finishRun();
    expect(await Promise.all(answers)).toEqual(['ok', 'cancelled', 'ok']);
    const next = reasonOf(submit(4));
    engine.decodeAll();
    engine.finishRun();
    expect(await next).toBe('ok');
  });

  it('ik_llama.cpp#1929: a cancelled item in the queue that aborts the run of another one', async () => {
    const { submit, engine } = setUp({ batching: { max_batch_size: 1 } });
    const caller = new AbortController();
    const answers = [submit(1), submit(2), submit(3, { signal: caller.signal })].map(reasonOf);
    engine.decodeAll();
    caller.abort();
    expect(engine.isRunning).toBe(true);
    engine.finishRun();
    engine.decodeAll();
    engine.finishRun();
    expect(await Promise.all(answers)).toEqual(['ok', 'ok', 'cancelled']);
  });

  it('server#7512: a queue timeout that fires only when the batch before has run', async () => {
    const { submit, engine, clock } = setUp({ batching: { max_batch_size: 1, default_timeout_ms: 10 } });
    submit(1).catch(() => {});
    engine.decodeAll();
    let outcome: string | undefined;
    const waiting = reasonOf(submit(2, { queueTimeoutMs: 10 })).then((reason) => {
      outcome = reason;
    });
    clock.advance(10);
    await waiting;
    expect([outcome, engine.isRunning]).toEqual(['deadline_exceeded', true]);
  });

  it('server#5348: a refusal for a wait that nobody limited, before the deadline', async () => {
    const { submit, engine, clock } = setUp({ batching: { max_batch_size: 1 } });
    const answers = [submit(1), submit(2, { deadlineMs: 60_000 })].map(reasonOf);
    engine.decodeAll();
    clock.advance(900);
    engine.finishRun();
    clock.advance(50_000);
    engine.decodeAll();
    engine.finishRun();
    expect(await Promise.all(answers)).toEqual(['ok', 'ok']);
  });

  it('server#5783: items that left and are counted as waiting for ever', async () => {
    const { submit, dispatcher, engine, clock } = setUp({ batching: { max_batch_size: 1 } });
    const caller = new AbortController();
    const answers = [
      submit(1),
      submit(2),
      submit(3, { queueTimeoutMs: 5 }),
      submit(4, { signal: caller.signal }),
      submit(5, { deadlineMs: 7 }),
    ].map(reasonOf);
    engine.decodeAll();
    expect([dispatcher.queued, dispatcher.inFlight]).toEqual([3, 5]);
    clock.advance(5);
    caller.abort();
    clock.advance(2);
    expect([dispatcher.queued, dispatcher.inFlight]).toEqual([0, 2]);
    engine.finishRun();
    engine.decodeAll();
    engine.finishRun();
    await Promise.all(answers);
    expect([dispatcher.queued, dispatcher.inFlight]).toEqual([0, 0]);
  });

  it('server#6368: a queue that exists only where requests are joined', () => {
    const { submit, dispatcher, engine } = setUp({ batching: { max_batch_size: 1, max_queue_size: 3 } });
    for (const image of [1, 2, 3, 4]) submit(image).catch(() => {});
    expect([engine.ahead, dispatcher.queued]).toEqual([1, 3]);
    expect(() => dispatcher.admit({ count: 1, remainingMs: 1000, work: 0.1, level: 1, share: '' })).toThrow(
      /overloaded/,
    );
  });

  it('server#7077, LitServe#165: an item that runs although its caller has gone', () => {
    const { submit, engine } = setUp();
    const caller = new AbortController();
    submit(1, { signal: caller.signal }).catch(() => {});
    caller.abort();
    expect([engine.ahead, engine.runs]).toEqual([0, []]);
  });
});
