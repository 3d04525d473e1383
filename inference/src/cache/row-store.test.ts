import { ManualClock } from '@headgate/testkit/manual-clock';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Classes, RawTensor, Row } from '../engine/protocol.ts';
import { RowStore } from './row-store.ts';

const classes = (id: number, count = 1): Classes => ({
  classIds: new Int32Array(count).fill(id),
  scores: new Float32Array(count).fill(1),
});

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
  clock.advance(1);
});

const storeOf = (maxBytes: number, ttlMs = 0) => new RowStore({ maxBytes, ttlMs, clock });

describe('RowStore', () => {
  it('is not changed by those who gave or got a row', () => {
    const store = storeOf(100_000);
    const given = classes(7);
    store.set('a', given);
    given.classIds[0] = 8;
    (store.get('a') as Classes).classIds[0] = 9;
    expect((store.get('a') as Classes).classIds[0]).toBe(7);
  });

  it('copies the blocks and shapes of tensors too', () => {
    const store = storeOf(100_000);
    const row = [{ shape: [1], block: Buffer.from([1]) }];
    store.set('a', row);
    row[0]?.block.fill(2);
    const [got] = store.get('a') as RawTensor[];
    (got?.shape as number[])[0] = 5;
    expect(store.get('a')).toEqual([{ shape: [1], block: Uint8Array.of(1) }]);
  });

  it('does not keep the message of a whole batch for one of its rows', () => {
    const store = storeOf(100_000);
    const message = new ArrayBuffer(1_000_000);
    store.set('a', [{ shape: [4], block: new Uint8Array(message, 8, 4) }]);
    const [got] = store.get('a') as RawTensor[];
    expect(got?.block.buffer.byteLength).toBe(4);
  });

  it('lets the longest unused leave first', () => {
    const store = storeOf(2500);
    for (const key of ['a', 'b']) store.set(key, classes(1));
    store.get('a');
    store.set('c', classes(1));
    expect(['a', 'b', 'c'].filter((key) => store.has(key))).toEqual(['a', 'c']);
    expect(store.evictions).toEqual({ room: 1, expired: 0 });
  });

  it('does not take looking whether something is there for use', () => {
    const store = storeOf(2500);
    for (const key of ['a', 'b']) store.set(key, classes(1));
    store.has('a');
    store.set('c', classes(1));
    expect(store.has('a')).toBe(false);
  });

  it('leaves out what is larger than the whole store, and keeps the rest', () => {
    const store = storeOf(2500);
    store.set('a', classes(1));
    store.set('large', classes(1, 1000));
    expect(['a', 'large'].map((key) => store.has(key))).toEqual([true, false]);
  });

  it('forgets after its time, and counts that apart', () => {
    const store = storeOf(100_000, 1000);
    store.set('a', classes(1));
    clock.advance(1000);
    expect(store.get('a')).toBeDefined();
    clock.advance(1);
    expect(store.has('a')).toBe(false);
    expect(store.get('a')).toBeUndefined();
    expect(store.evictions).toEqual({ room: 0, expired: 1 });
  });

  it('never takes more than its bytes, and accounts for all of them', () => {
    const row: fc.Arbitrary<Row> = fc.oneof(
      fc.integer({ min: 1, max: 300 }).map((count) => classes(1, count)),
      fc.array(
        fc.nat({ max: 2000 }).map((size) => ({ shape: [size], block: new Uint8Array(size) })),
        { minLength: 1, maxLength: 3 },
      ),
    );
    const entry = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), row });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8000 }),
        fc.array(entry, { maxLength: 40 }),
        (maxBytes, entries) => {
          const store = storeOf(maxBytes);
          for (const { key, row } of entries) {
            store.set(key, row);
            expect(store.bytes).toBeLessThanOrEqual(maxBytes);
            if (store.entries > 0) expect(store.bytes).toBeGreaterThan(store.entries * 512);
          }
          store.clear();
          expect([store.bytes, store.entries]).toEqual([0, 0]);
        },
      ),
    );
  });
});
