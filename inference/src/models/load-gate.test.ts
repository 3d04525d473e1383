import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoadGate } from './load-gate.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Loads by name, which last until they are ended. */
function setUp(parallel: number) {
  const gate = new LoadGate(parallel);
  const running = new Map<string, PromiseWithResolvers<void>>();
  const order: string[] = [];
  const start = (name: string, { urgent = false, signal = new AbortController().signal } = {}) => {
    const load = () => {
      const ending = Promise.withResolvers<void>();
      running.set(name, ending);
      order.push(name);
      return ending.promise.finally(() => running.delete(name));
    };
    const done = gate.run(load, { signal, urgent });
    done.catch(() => {});
    return done;
  };
  const end = async (name: string, error?: Error) => {
    const ending = running.get(name);
    if (error) ending?.reject(error);
    else ending?.resolve();
    await settled();
  };
  return { gate, running, order, start, end };
}

describe('LoadGate', () => {
  it('lets in as many as it should, and the rest in the order in which they came', async () => {
    const { order, start, end } = setUp(2);
    for (const name of ['a', 'b', 'c', 'd']) start(name);
    expect(order).toEqual(['a', 'b']);
    await end('b');
    expect(order).toEqual(['a', 'b', 'c']);
    await end('a');
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets what replaces a crashed engine go first, and these among themselves in order', async () => {
    const { order, start, end } = setUp(1);
    start('a');
    start('new');
    start('crashed1', { urgent: true });
    start('crashed2', { urgent: true });
    for (const name of ['a', 'crashed1', 'crashed2']) await end(name);
    expect(order).toEqual(['a', 'crashed1', 'crashed2', 'new']);
  });

  it('passes the place on when a load fails', async () => {
    const { order, start, end } = setUp(1);
    const failed = start('a');
    start('b');
    await end('a', new Error('broken'));
    await expect(failed).rejects.toThrow('broken');
    expect(order).toEqual(['a', 'b']);
  });

  it('forgets a load that nobody wants any more, before it began', async () => {
    const { gate, order, start, end } = setUp(1);
    const controller = new AbortController();
    start('a');
    const given = start('b', { signal: controller.signal });
    start('c');
    controller.abort(new Error('not wanted'));
    await expect(given).rejects.toThrow('not wanted');
    expect(gate.waiting).toBe(1);
    await end('a');
    expect(order).toEqual(['a', 'c']);
    await expect(start('d', { signal: controller.signal })).rejects.toThrow('not wanted');
  });

  it('never lets in more than it should, loses none, and ends idle, whatever happens', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('start' as const), urgent: fc.boolean() }),
      fc.record({ do: fc.constant('end' as const), which: fc.nat() }),
      fc.record({ do: fc.constant('abort' as const), which: fc.nat() }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(step, { maxLength: 40 }),
        async (parallel, steps) => {
          const { gate, running, order, start, end } = setUp(parallel);
          const controllers: AbortController[] = [];
          const outcomes: Promise<string>[] = [];
          for (const [i, one] of steps.entries()) {
            if (one.do === 'start') {
              const controller = new AbortController();
              controllers.push(controller);
              const done = start(String(i), { urgent: one.urgent, signal: controller.signal });
              outcomes.push(
                done.then(
                  () => 'loaded',
                  () => 'given up',
                ),
              );
            } else if (one.do === 'end')
              await end([...running.keys()][one.which % (running.size || 1)] ?? '');
            else controllers[one.which % (controllers.length || 1)]?.abort();
            expect(running.size).toBeLessThanOrEqual(parallel);
            if (gate.waiting > 0) expect(running.size).toBe(parallel);
          }
          while (running.size > 0) await end([...running.keys()][0] as string);
          const loaded = (await Promise.all(outcomes)).filter((outcome) => outcome === 'loaded');
          expect(loaded.length).toBe(order.length);
          expect(gate.waiting).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
