import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Item } from './item.ts';
import { ItemQueue, type QueueBounds } from './queue.ts';
import { itemOf } from './testing/items.ts';

const queueOf = (bounds: Partial<QueueBounds> = {}) =>
  new ItemQueue({ capacity: 100, levels: 1, starvationMs: 1000, ...bounds });

/** Ids in the order in which they leave. */
function drain(queue: ItemQueue, nowMs = 0): number[] {
  const ids: number[] = [];
  for (let item = queue.shift(nowMs); item; item = queue.shift(nowMs)) ids.push(item.id);
  return ids;
}

describe('ItemQueue', () => {
  it('serves items of one level in the order in which they came', () => {
    const queue = queueOf();
    for (const id of [3, 1, 2]) queue.push(itemOf(id));
    expect(drain(queue)).toEqual([3, 1, 2]);
  });

  it('serves level 1 first', () => {
    const queue = queueOf({ levels: 3 });
    for (const [id, level] of [3, 1, 2, 1].entries()) queue.push(itemOf(id, { level }));
    expect(queue.ahead(1, '').count).toBe(2);
    expect(queue.ahead(2, '').count).toBe(3);
    expect(drain(queue)).toEqual([1, 3, 2, 0]);
  });

  it('gives the place of an item that leaves to the next one', () => {
    const queue = queueOf({ capacity: 2 });
    queue.push(itemOf(1));
    queue.push(itemOf(2));
    expect(queue.room).toBe(0);
    expect(queue.remove(itemOf(1))).toBe(true);
    expect(queue.remove(itemOf(1))).toBe(false);
    queue.push(itemOf(3));
    expect(drain(queue)).toEqual([2, 3]);
  });

  it('never holds more than its capacity, in all levels together', () => {
    const queue = queueOf({ capacity: 2, levels: 2 });
    queue.push(itemOf(1, { level: 1 }));
    queue.push(itemOf(2, { level: 2 }));
    expect(() => queue.push(itemOf(3, { level: 1 }))).toThrow(RangeError);
    queue.delay(itemOf(1, { level: 1 }));
    expect(queue.room).toBe(0);
  });

  it('moves a delayed item behind all others of its level, but not behind lower levels', () => {
    const queue = queueOf({ levels: 2 });
    for (const id of [1, 2]) queue.push(itemOf(id, { level: 1 }));
    queue.push(itemOf(3, { level: 2 }));
    expect(queue.delay(itemOf(1, { level: 1 }))).toBe(true);
    queue.push(itemOf(4, { level: 1 }));
    expect(queue.ahead(1, '').count).toBe(2);
    expect(queue.delay(itemOf(9))).toBe(false);
    expect(drain(queue)).toEqual([2, 4, 1, 3]);
  });
});

it('lets no level go past another for an item that waits long and does not fit', () => {
  const queue = queueOf({ levels: 2 });
  queue.push(itemOf(1, { level: 2, cost: { work: 400, memoryBytes: 0 } }));
  queue.push(itemOf(2, { level: 2, queuedAtMs: 4000 }));
  queue.push(itemOf(3, { level: 1, queuedAtMs: 4500 }));
  const isLight = ({ cost }: Item) => cost.work < 100;
  expect([queue.shift(5000, isLight)?.id, queue.shift(5000, isLight)?.id]).toEqual([3, 2]);
});

/** Arrivals in time, each with a level, and at which of them an item is taken. */
const traffic = fc.array(
  fc.record({ level: fc.integer({ min: 1, max: 3 }), gapMs: fc.nat({ max: 40 }), take: fc.boolean() }),
  { minLength: 1, maxLength: 80 },
);

/** Plays traffic; `onTake` sees every item as it leaves, with those that stay behind. */
function play(
  steps: typeof traffic extends fc.Arbitrary<infer T> ? T : never,
  onTake: (taken: Item, waiting: readonly Item[], nowMs: number) => void,
): void {
  const queue = queueOf({ levels: 3, starvationMs: 100 });
  const waiting = new Map<number, Item>();
  let nowMs = 0;
  for (const [id, { level, gapMs, take }] of steps.entries()) {
    nowMs += gapMs;
    const item = itemOf(id, { level, queuedAtMs: nowMs });
    queue.push(item);
    waiting.set(id, item);
    const taken = take ? queue.shift(nowMs) : undefined;
    if (!taken) continue;
    waiting.delete(taken.id);
    onTake(taken, [...waiting.values()], nowMs);
  }
  expect(drain(queue, nowMs).sort((a, b) => a - b)).toEqual([...waiting.keys()]);
}

describe('ItemQueue, whatever comes', () => {
  it('keeps the order of arrival within each level, and loses nobody', () => {
    fc.assert(
      fc.property(traffic, (steps) =>
        play(steps, (taken, waiting) => {
          const overtaken = waiting.filter(({ id, level }) => level === taken.level && id < taken.id);
          expect(overtaken).toEqual([]);
        }),
      ),
    );
  });

  it('lets nobody overtake an item that has waited longer than the starvation bound', () => {
    fc.assert(
      fc.property(traffic, (steps) =>
        play(steps, (taken, waiting, nowMs) => {
          const starving = waiting.filter(({ queuedAtMs }) => nowMs - queuedAtMs > 100);
          expect(starving.filter(({ queuedAtMs }) => queuedAtMs < taken.queuedAtMs)).toEqual([]);
        }),
      ),
    );
  });

  it('serves the highest priority unless somebody starves', () => {
    fc.assert(
      fc.property(traffic, (steps) =>
        play(steps, (taken, waiting, nowMs) => {
          const mayStarve = nowMs - taken.queuedAtMs > 100;
          if (!mayStarve) expect(waiting.filter(({ level }) => level < taken.level)).toEqual([]);
        }),
      ),
    );
  });
});
