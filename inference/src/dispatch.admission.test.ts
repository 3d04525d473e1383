import type { HeadgateError } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import type { Dispatcher } from './dispatch.ts';
import { reasonOf, setUpDispatcher as setUp } from './testing/dispatcher.ts';

describe('admission by estimates', () => {
  /** Runs take 10 ms per item, as far as is known. */
  const warmUpMs = new Map([
    [1, 10],
    [2, 20],
  ]);
  const exact = { warmUpMs, admission: { estimateMargin: 0 } };
  const asked = (dispatcher: Dispatcher, remainingMs: number, count = 1, level = 1) => {
    try {
      dispatcher.admit({ count, remainingMs, work: 0.1, level, share: '' });
      return 'ok';
    } catch (error) {
      return (error as HeadgateError).reason;
    }
  };

  it('says at once that a deadline is shorter than the run itself', () => {
    const { dispatcher } = setUp(exact);
    expect([asked(dispatcher, 9), asked(dispatcher, 10)]).toEqual(['deadline_exceeded', 'ok']);
    expect([asked(dispatcher, 19, 2), asked(dispatcher, 20, 2)]).toEqual(['overloaded', 'ok']);
  });

  it('refuses as overloaded what cannot be in time after what is here already, and says when to come again', () => {
    const { dispatcher, submit, engine, clock } = setUp(exact);
    for (const image of [1, 2, 3]) submit(image).catch(() => {});
    engine.finishDecode(engine.decoding[0] as number);
    // One runs for 10 ms more, two gather, and one would be alone after them.
    clock.advance(5);
    expect([asked(dispatcher, 34), asked(dispatcher, 35)]).toEqual(['overloaded', 'ok']);
    expect(() => dispatcher.admit({ count: 1, remainingMs: 12, work: 0.1, level: 1, share: '' })).toThrow(
      expect.objectContaining({ reason: 'overloaded', retryAfterMs: 50 }),
    );
  });

  it('does not count those whom an urgent item overtakes', () => {
    const { dispatcher, submit } = setUp({
      ...exact,
      batching: { max_batch_size: 1, priority_levels: 2, default_priority_level: 2 },
    });
    for (const image of [1, 2, 3]) submit(image, { level: 2 }).catch(() => {});
    expect(asked(dispatcher, 25, 1, 2)).toBe('overloaded');
    expect(asked(dispatcher, 25, 1, 1)).toBe('ok');
  });

  it('refuses background while anything waits for its run, and takes it beside a run', () => {
    const { dispatcher, submit, engine } = setUp(exact);
    const asked = () => {
      try {
        dispatcher.admit({ count: 1, remainingMs: 1000, work: 0.1, level: 1, share: '', background: true });
        return 'ok';
      } catch (error) {
        return (error as HeadgateError).reason;
      }
    };
    expect(asked()).toBe('ok');
    submit(1).catch(() => {});
    expect(asked()).toBe('overloaded');
    engine.decodeAll();
    expect(asked()).toBe('ok');
    submit(2).catch(() => {});
    expect(asked()).toBe('overloaded');
  });

  it('gives a doubtful item its chance: only what surely is too late is refused', () => {
    const { dispatcher } = setUp({ warmUpMs, admission: { estimateMargin: 0.2 } });
    expect([asked(dispatcher, 7.9), asked(dispatcher, 8)]).toEqual(['deadline_exceeded', 'ok']);
  });

  it('puts an old estimate to the test with one call, so that it does not refuse for ever', () => {
    const { dispatcher, clock } = setUp({ warmUpMs, admission: { estimateMaxAgeMs: 500 } });
    clock.advance(499);
    expect(asked(dispatcher, 1)).toBe('deadline_exceeded');
    clock.advance(1);
    expect([asked(dispatcher, 1), asked(dispatcher, 1)]).toEqual(['ok', 'deadline_exceeded']);
  });

  it('does not decode an item that cannot be in time any more when its turn comes', async () => {
    const { submit, engine, clock } = setUp(exact);
    const answers = [1, 2, 3].map((image) => reasonOf(submit(image)));
    engine.finishDecode(engine.decoding[0] as number);
    clock.advance(9);
    const late = reasonOf(submit(4, { deadlineMs: 29 }));
    clock.advance(5);
    engine.decodeAll();
    engine.finishRun(15);
    expect(engine.decoding).toEqual([]);
    expect(await late).toBe('deadline_exceeded');
    engine.finishRun();
    expect(await Promise.all(answers)).toEqual(['ok', 'ok', 'ok']);
    expect(engine.runs).toEqual([[1], [2, 3]]);
  });

  it('lets a batch go before its delay for the sake of its most urgent member, and says so', () => {
    const { clock, submit, engine, batches } = setUp({ ...exact, batching: { max_queue_delay_ms: 100 } });
    submit(1, { deadlineMs: 60 }).catch(() => {});
    engine.decodeAll();
    clock.advance(49);
    expect(engine.runs).toEqual([]);
    clock.advance(1);
    expect(engine.runs).toEqual([[1]]);
    expect(batches[0]?.reason).toBe('deadline');
  });
});
