import { describe, expect, it } from 'vitest';
import { Decoding } from './decoding.ts';
import { reasonOf, setUpDispatcher } from './testing/dispatcher.ts';
import { itemOf } from './testing/items.ts';

const HEAVY = { work: 400, memoryBytes: 100 * 2 ** 20 };
const LIGHT = { work: 5, memoryBytes: 0 };

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('costly decodes', () => {
  it('take all decode threads but one, and others go past them', () => {
    const { submit, fakes } = setUpDispatcher({ engines: 2, batching: { max_batch_size: 4 } });
    for (const image of [1, 2, 3]) reasonOf(submit(image, { cost: HEAVY, share: 'costly' }));
    expect(fakes.map(({ ahead }) => ahead)).toEqual([1, 0]);
    for (const image of [4, 5]) reasonOf(submit(image, { cost: LIGHT, share: 'other' }));
    expect(fakes.map(({ ahead }) => ahead)).toEqual([2, 1]);
  });

  it('go on one after the other where there is one thread, and others beside them', () => {
    const { dispatcher, submit, engine } = setUpDispatcher({ batching: { max_batch_size: 4 } });
    for (const image of [1, 2]) reasonOf(submit(image, { cost: HEAVY }));
    expect([engine.ahead, dispatcher.queued]).toEqual([1, 1]);
    reasonOf(submit(3, { cost: LIGHT }));
    expect([engine.ahead, dispatcher.queued]).toEqual([2, 1]);
    engine.decodeAll();
    expect(engine.runs).toEqual([[1]]);
    expect([engine.ahead, dispatcher.queued]).toEqual([2, 0]);
  });

  it('go on elsewhere when their engine ends', () => {
    const { dispatcher, submit, fakes } = setUpDispatcher({ engines: 2 });
    for (const image of [1, 2]) reasonOf(submit(image, { cost: HEAVY }));
    expect([fakes.map(({ ahead }) => ahead), dispatcher.queued]).toEqual([[1, 0], 1]);
    dispatcher.detach(fakes[0] as (typeof fakes)[0], 'killed');
    expect([fakes[1]?.ahead, dispatcher.queued]).toEqual([1, 0]);
  });

  it('hold their thread until they end, also when their caller leaves', async () => {
    const { submit, engine, dispatcher } = setUpDispatcher({ batching: { max_batch_size: 4 } });
    const controller = new AbortController();
    // The engine goes on with what it has begun.
    let discarded = 0;
    engine.discard = () => {
      discarded += 1;
    };
    const first = reasonOf(submit(1, { cost: HEAVY, signal: controller.signal }));
    reasonOf(submit(2, { cost: HEAVY }));
    controller.abort();
    expect([await first, discarded, dispatcher.queued]).toEqual(['cancelled', 1, 1]);
    engine.finishDecode(1);
    expect(dispatcher.queued).toBe(0);
  });
});

describe('a decode that takes far longer than its header says', () => {
  it.each([
    { decodeMs: 900, runs: [[1], [11], [12], [13], [2]] },
    { decodeMs: 20, runs: [[1], [2], [11], [12], [13]] },
  ])('lets others go first afterwards: $decodeMs ms', ({ decodeMs, runs }) => {
    const { submit, engine } = setUpDispatcher({ batching: { max_batch_size: 1 } });
    for (const image of [1, 2]) reasonOf(submit(image, { cost: LIGHT, share: 'one' }));
    for (const image of [11, 12, 13]) reasonOf(submit(image, { cost: LIGHT, share: 'other' }));
    engine.finishDecode(1, decodeMs);
    for (let i = 0; i < 5; i += 1) {
      engine.decodeAll();
      engine.finishRun();
    }
    expect(engine.runs).toEqual(runs);
  });
});

describe('a full dispatcher', () => {
  it('refuses the last item of the share that has most, and not one of another', async () => {
    const { dispatcher, submit } = setUpDispatcher({ batching: { max_batch_size: 1, max_queue_size: 3 } });
    const many = [1, 2, 3, 4].map((image) => reasonOf(submit(image, { cost: HEAVY, share: 'many' })));
    const ask = { count: 1, work: 5, remainingMs: 1000, level: 1 };
    expect(() => dispatcher.admit({ ...ask, share: 'many' })).toThrow(/overloaded/);
    expect(() => dispatcher.admit({ ...ask, share: 'other' })).not.toThrow();
    reasonOf(submit(5, { cost: LIGHT, share: 'other' }));
    expect(await many[3]).toBe('overloaded');
    expect(await Promise.race([...many.slice(0, 3), settled().then(() => 'waits')])).toBe('waits');
  });
});

describe('admission', () => {
  it('counts the decodes that go before, by what the engine took for others', async () => {
    const { dispatcher, submit, engine } = setUpDispatcher({
      batching: { max_batch_size: 1, max_queue_size: 8 },
      warmUpMs: new Map([[1, 10]]),
    });
    // 1 ms for a work of 5.
    const first = submit(1, { cost: LIGHT });
    engine.decodeAll();
    engine.finishRun(10);
    await first;
    for (const image of [2, 3, 4]) reasonOf(submit(image, { cost: HEAVY, share: 'costly' }));
    const admitted = (share: string, remainingMs: number) => {
      try {
        dispatcher.admit({ count: 1, work: 400, remainingMs, level: 1, share });
        return 'ok';
      } catch (error) {
        return (error as { reason: string }).reason;
      }
    };
    // 400 take 80 ms, less the margin of a fifth: 64; and a run 8.
    expect(admitted('costly', 190)).toBe('overloaded');
    expect(admitted('costly', 210)).toBe('ok');
    expect(admitted('other', 150)).toBe('ok');
    expect(admitted('other', 60)).toBe('deadline_exceeded');
  });
});

describe('what an engine decodes', () => {
  it('is bounded in work ahead, for each thread that heavy items leave', () => {
    const decoding = new Decoding(2);
    for (let id = 0; decoding.accepts(LIGHT); id += 1) decoding.begin(itemOf(id, { cost: LIGHT }));
    expect(decoding.workAhead).toBe(50);
    decoding.begin(itemOf(100, { cost: HEAVY }));
    expect([decoding.heavy, decoding.workAhead]).toEqual([1, 50]);
    decoding.begin(itemOf(101, { cost: HEAVY }));
    expect([decoding.heavy, decoding.workAhead]).toEqual([2, 100]);
    expect(decoding.accepts(HEAVY)).toBe(false);
  });

  it('is bounded in memory, but for a single item', () => {
    const decoding = new Decoding(8);
    const large = { work: 400, memoryBytes: 500 * 2 ** 20 };
    expect(decoding.accepts(large)).toBe(true);
    for (let id = 0; decoding.accepts(HEAVY); id += 1) decoding.begin(itemOf(id, { cost: HEAVY }));
    expect(decoding.heavy).toBe(3);
    decoding.end(0);
    expect(decoding.accepts(HEAVY)).toBe(true);
  });
});
