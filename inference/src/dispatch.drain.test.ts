import { describe, expect, it } from 'vitest';
import { reasonOf, setUpDispatcher as setUp } from './testing/dispatcher.ts';
import { FakeEngine } from './testing/fake-engine.ts';

/** Lets promises that are settled already run their reactions. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

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
