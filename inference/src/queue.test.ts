import { describe, expect, it } from 'vitest';
import type { Item } from './item.ts';
import { ItemQueue } from './queue.ts';

const item = (id: number): Item => ({
  id,
  payload: new Uint8Array(),
  queuedAtMs: 0,
  deadlineAtMs: 0,
  span: undefined,
  settle: () => {},
});

describe('ItemQueue', () => {
  it('serves items in the order in which they came', () => {
    const queue = new ItemQueue(3);
    for (const id of [3, 1, 2]) queue.push(item(id));
    expect([queue.shift()?.id, queue.shift()?.id, queue.shift()?.id, queue.shift()]).toEqual([
      3,
      1,
      2,
      undefined,
    ]);
  });

  it('gives the place of an item that leaves to the next one', () => {
    const queue = new ItemQueue(2);
    queue.push(item(1));
    queue.push(item(2));
    expect(queue.room).toBe(0);
    expect(queue.remove(1)).toBe(true);
    expect(queue.remove(1)).toBe(false);
    queue.push(item(3));
    expect(queue.shift()?.id).toBe(2);
  });

  it('never holds more than its capacity', () => {
    const queue = new ItemQueue(1);
    queue.push(item(1));
    expect(() => queue.push(item(2))).toThrow(RangeError);
    expect(queue.size).toBe(1);
  });
});
