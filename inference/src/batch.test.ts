import { describe, expect, it } from 'vitest';
import { type Batch, Gathering } from './batch.ts';
import type { Item } from './item.ts';
import { itemOf } from './testing/items.ts';

/** Every item of a run takes 10 ms. */
const runMs = (batchSize: number) => 10 * batchSize;

function gatheringOf(maxBatchSize: number, maxQueueDelayMs: number, items: readonly Item[]): Gathering {
  const gathering = new Gathering({ maxBatchSize, maxQueueDelayMs });
  for (const one of items) {
    gathering.add(one);
    gathering.markDecoded(one.id, 1);
  }
  return gathering;
}

const idsOf = (batch: ReturnType<Gathering['release']>) =>
  (batch as Batch).members.map((member) => member.item.id);

describe('Gathering', () => {
  it('releases what is decoded at once, and leaves what still decodes for the next batch', () => {
    const gathering = gatheringOf(4, 0, [itemOf(1)]);
    gathering.add(itemOf(2));
    const batch = gathering.release(0, runMs);
    expect(idsOf(batch)).toEqual([1]);
    expect((batch as Batch).reason).toBe('idle');
    expect(gathering.size).toBe(1);
    expect(gathering.release(0, runMs)).toBeUndefined();
  });

  it('waits exactly as long as the policy grants, counted from the oldest arrival', () => {
    const gathering = gatheringOf(4, 20, [itemOf(1, { queuedAtMs: 100 }), itemOf(2, { queuedAtMs: 110 })]);
    expect(gathering.release(112.5, runMs)).toEqual({ waitMs: 7.5 });
    expect(gathering.release(120, runMs)).toMatchObject({ reason: 'delay' });
  });

  it('does not wait once the batch is full', () => {
    const batch = gatheringOf(2, 1000, [itemOf(1), itemOf(2)]).release(0, runMs);
    expect(batch).toMatchObject({ reason: 'full' });
    expect(idsOf(batch)).toEqual([1, 2]);
  });

  it('releases a batch before its delay when its most urgent member would miss its deadline otherwise', () => {
    const urgent = itemOf(2, { deadlineAtMs: 70 });
    const gathering = gatheringOf(4, 100, [itemOf(1), urgent, itemOf(3)]);
    expect(gathering.release(0, runMs)).toEqual({ waitMs: 40 });
    expect(gathering.release(40, runMs)).toMatchObject({ reason: 'deadline' });
  });

  it('keeps to the delay when every deadline is far', () => {
    const gathering = gatheringOf(4, 100, [itemOf(1)]);
    expect(gathering.release(0, runMs)).toEqual({ waitMs: 100 });
    expect(gathering.release(100, runMs)).toMatchObject({ reason: 'delay' });
  });

  it('makes a batch smaller when that lets more of its members be in time', () => {
    const deadlines = [25, 100, 25, 25];
    const gathering = gatheringOf(
      4,
      0,
      deadlines.map((deadlineAtMs, i) => itemOf(i, { deadlineAtMs })),
    );
    expect(gathering.dropHopeless(0, runMs).map(({ id }) => id)).toEqual([2, 3]);
    expect(idsOf(gathering.release(0, runMs))).toEqual([0, 1]);
  });

  it('drops nobody while all are in time, and never the last one', () => {
    const gathering = gatheringOf(2, 0, [itemOf(1, { deadlineAtMs: 20 }), itemOf(2, { deadlineAtMs: 20 })]);
    expect(gathering.dropHopeless(0, runMs)).toEqual([]);
    expect(gathering.dropHopeless(19, runMs).map(({ id }) => id)).toEqual([2]);
    expect(gathering.dropHopeless(19, runMs)).toEqual([]);
  });

  it('runs nobody whose deadline has passed', () => {
    const gathering = gatheringOf(2, 0, [itemOf(1, { deadlineAtMs: 20 })]);
    expect(gathering.dropHopeless(20, runMs).map(({ id }) => id)).toEqual([1]);
    expect(gathering.release(20, runMs)).toBeUndefined();
  });

  it('refuses more than one batch', () => {
    const gathering = gatheringOf(1, 0, [itemOf(1)]);
    expect(() => gathering.add(itemOf(2))).toThrow(RangeError);
  });

  it('ignores the end of a decode whose item has left', () => {
    const gathering = new Gathering({ maxBatchSize: 2, maxQueueDelayMs: 0 });
    gathering.add(itemOf(1));
    expect(gathering.remove(1)?.id).toBe(1);
    expect(gathering.markDecoded(1, 1)).toBe(false);
    expect(gathering.release(0, runMs)).toBeUndefined();
  });
});
