import { describe, expect, it } from 'vitest';
import { type Batch, Gathering } from './batch.ts';
import type { Item } from './item.ts';

const item = (id: number, queuedAtMs = 0): Item => ({
  id,
  payload: new Uint8Array(),
  queuedAtMs,
  deadlineAtMs: 1000,
  span: undefined,
  settle: () => {},
});

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
    const gathering = gatheringOf(4, 0, [item(1)]);
    gathering.add(item(2));
    const batch = gathering.release(0);
    expect(idsOf(batch)).toEqual([1]);
    expect((batch as Batch).reason).toBe('idle');
    expect(gathering.size).toBe(1);
    expect(gathering.release(0)).toBeUndefined();
  });

  it('waits exactly as long as the policy grants, counted from the oldest arrival', () => {
    const gathering = gatheringOf(4, 20, [item(1, 100), item(2, 110)]);
    expect(gathering.release(112.5)).toEqual({ waitMs: 7.5 });
    expect(gathering.release(120)).toMatchObject({ reason: 'delay' });
  });

  it('does not wait once the batch is full', () => {
    const batch = gatheringOf(2, 1000, [item(1), item(2)]).release(0);
    expect(batch).toMatchObject({ reason: 'full' });
    expect(idsOf(batch)).toEqual([1, 2]);
  });

  it('refuses more than one batch', () => {
    const gathering = gatheringOf(1, 0, [item(1)]);
    expect(() => gathering.add(item(2))).toThrow(RangeError);
  });

  it('ignores the end of a decode whose item has left', () => {
    const gathering = new Gathering({ maxBatchSize: 2, maxQueueDelayMs: 0 });
    gathering.add(item(1));
    expect(gathering.remove(1)?.id).toBe(1);
    expect(gathering.markDecoded(1, 1)).toBe(false);
    expect(gathering.release(0)).toBeUndefined();
  });
});
