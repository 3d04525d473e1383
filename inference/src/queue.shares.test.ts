import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Item } from './item.ts';
import { ItemQueue } from './queue.ts';
import { itemOf } from './testing/items.ts';

/** A queue in which an item costs the work of its decode. */
const queueOf = (capacity = 100) =>
  new ItemQueue({ capacity, levels: 1, starvationMs: 1000 }, ({ cost }) => cost.work);

const item = (id: number, share: string, work = 1) => itemOf(id, { share, cost: { work, memoryBytes: 0 } });

function drain(queue: ItemQueue, fits?: (item: Item) => boolean): number[] {
  const ids: number[] = [];
  for (let next = queue.shift(0, fits); next; next = queue.shift(0, fits)) ids.push(next.id);
  return ids;
}

describe('shares of a queue', () => {
  it('take turns by cost: one costly item of one, as many cheap ones of the other', () => {
    const queue = queueOf();
    for (const id of [1, 2, 3]) queue.push(item(id, 'costly', 4));
    for (const id of [11, 12, 13, 14, 15, 16]) queue.push(item(id, 'cheap'));
    expect(drain(queue)).toEqual([1, 11, 12, 13, 14, 2, 15, 16, 3]);
  });

  it('cannot be saved up: who comes late gets no more than an equal part from then on', () => {
    const queue = queueOf();
    for (const id of [1, 2, 3, 4]) queue.push(item(id, 'early'));
    expect([queue.shift(0)?.id, queue.shift(0)?.id]).toEqual([1, 2]);
    for (const id of [11, 12, 13]) queue.push(item(id, 'late'));
    expect(drain(queue)).toEqual([11, 3, 12, 4, 13]);
  });

  it('let others go first while their next item does not fit', () => {
    const queue = queueOf();
    queue.push(item(1, 'costly', 400));
    queue.push(item(2, 'cheap'));
    expect(queue.shift(0, ({ cost }) => cost.work < 100)?.id).toBe(2);
    expect(drain(queue)).toEqual([1]);
  });

  it('let light items of a share go past its heavy ones, which do not fit', () => {
    const queue = queueOf();
    for (const id of [1, 2]) queue.push(item(id, 'one', 400));
    for (const id of [3, 4]) queue.push(item(id, 'one'));
    expect(drain(queue, ({ cost }) => cost.work < 100)).toEqual([3, 4]);
    expect(drain(queue)).toEqual([1, 2]);
  });

  it('are asked for one item each, however many wait', () => {
    const queue = queueOf(10_000);
    for (let id = 0; id < 10_000; id += 1) queue.push(item(id, id % 2 ? 'one' : 'two'));
    let asked = 0;
    queue.shift(0, () => {
      asked += 1;
      return false;
    });
    expect(asked).toBe(2);
  });

  it('pay afterwards for items that took more than they looked', () => {
    const queue = queueOf();
    for (const id of [1, 2]) queue.push(item(id, 'small by its header'));
    for (const id of [11, 12, 13, 14]) queue.push(item(id, 'other'));
    expect(queue.shift(0)?.id).toBe(1);
    queue.charge('small by its header', 2);
    queue.charge('small by its header', -400);
    queue.charge('gone', 1);
    expect(drain(queue)).toEqual([11, 12, 13, 2, 14]);
  });

  it('are not charged for items that left', () => {
    const queue = queueOf();
    queue.push(item(1, 'one', 50));
    queue.push(item(9, 'other', 50));
    queue.remove(item(1, 'one', 50));
    queue.push(item(10, 'one'));
    expect(drain(queue)).toEqual([9, 10]);
  });

  it('count in what goes before an item that comes now', () => {
    const queue = queueOf();
    for (const id of [1, 2, 3]) queue.push(item(id, 'one', 10));
    expect(queue.ahead(1, 'one')).toEqual({ count: 3, work: 30 });
    expect(queue.ahead(1, 'another')).toEqual({ count: 0, work: 0 });
    queue.push(item(4, 'another', 20));
    expect(queue.ahead(1, 'another')).toEqual({ count: 3, work: 40 });
  });
});

describe('a full queue', () => {
  it('gives up the last item of the share that has most, for one that has less', () => {
    const queue = queueOf(4);
    for (const id of [1, 2, 3]) queue.push(item(id, 'many'));
    queue.push(item(4, 'few'));
    expect(queue.displaceable('new')?.id).toBe(3);
    expect(queue.displaceable('few')?.id).toBe(3);
    expect(queue.displaceable('many')).toBeUndefined();
  });

  it('gives up nothing where that would only turn the difference round', () => {
    const queue = queueOf(2);
    queue.push(item(1, 'one'));
    queue.push(item(2, 'two'));
    expect(queue.displaceable('three')).toBeUndefined();
    expect(queue.displaceable('one')).toBeUndefined();
  });
});

describe('shares, whatever comes', () => {
  const arrivals = fc.array(
    fc.record({ share: fc.constantFrom('a', 'b', 'c'), work: fc.integer({ min: 1, max: 450 }) }),
    { minLength: 2, maxLength: 90 },
  );

  it('that wait all the time never differ by more than two of the costlyest items', () => {
    fc.assert(
      fc.property(arrivals, (all) => {
        const queue = queueOf();
        all.forEach(({ share, work }, id) => {
          queue.push(item(id, share, work));
        });
        const left = new Map<string, number>();
        for (const { share } of all) left.set(share, (left.get(share) ?? 0) + 1);
        const got = new Map([...left.keys()].map((share) => [share, 0]));
        for (let next = queue.shift(0); next; next = queue.shift(0)) {
          got.set(next.share, (got.get(next.share) ?? 0) + next.cost.work);
          left.set(next.share, (left.get(next.share) ?? 0) - 1);
          const waiting = [...got].filter(([share]) => (left.get(share) ?? 0) > 0).map(([, work]) => work);
          if (waiting.length > 1)
            expect(Math.max(...waiting) - Math.min(...waiting)).toBeLessThanOrEqual(900);
        }
      }),
    );
  });

  it('keep the order of arrival within each, and lose nobody', () => {
    fc.assert(
      fc.property(arrivals, (all) => {
        const queue = queueOf();
        all.forEach(({ share, work }, id) => {
          queue.push(item(id, share, work));
        });
        const ids = drain(queue);
        expect([...ids].sort((a, b) => a - b)).toEqual(all.map((_, id) => id));
        for (const share of ['a', 'b', 'c']) {
          const own = ids.filter((id) => all[id]?.share === share);
          expect(own).toEqual([...own].sort((a, b) => a - b));
        }
      }),
    );
  });
});
