import type { CaptureKey } from '@headgate/stores/capture/store';
import { ALICE, imageOf, keyOf } from '@headgate/stores/testing/captures';
import { describe, expect, it } from 'vitest';
import { sampledCapture } from './capture.ts';
import { type CaptureOutcome, createCaptureQueue } from './capture-queue.ts';
import { startRetention } from './retention.ts';

const KEY = keyOf('2030-01-01', ALICE, imageOf(1));
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the sample', () => {
  const capture = (rate: number, { hashKey = Buffer.alloc(32, 1), dayBytes = 100 } = {}) => {
    const added: CaptureKey[] = [];
    const outcomes: CaptureOutcome[] = [];
    const sampled = sampledCapture({
      models: { net: { rate } },
      dayBytes,
      hashKey,
      queue: { add: (key) => void added.push(key) },
      report: { captured: (outcome) => void outcomes.push(outcome) },
    });
    return { ...sampled, added, outcomes };
  };
  const ids = Array.from({ length: 20_000 }, (_, i) => `request-${i}`);

  it.each([0, 0.01, 0.3, 1])('has the share %d of all requests', (rate) => {
    const wanted = ids.filter((id) => capture(rate).wants('net', id)).length / ids.length;
    expect(Math.abs(wanted - rate)).toBeLessThan(0.01);
  });

  it('is the same in every gateway, and grows without losing any when the share grows', () => {
    const few = ids.filter((id) => capture(0.1).wants('net', id));
    expect(ids.filter((id) => capture(0.1).wants('net', id))).toEqual(few);
    expect(few.every((id) => capture(0.2).wants('net', id))).toBe(true);
  });

  it('cannot be foreseen without the key', () => {
    const other = capture(0.5, { hashKey: Buffer.alloc(32, 2) });
    const same = ids.filter((id) => capture(0.5).wants('net', id) === other.wants('net', id)).length;
    expect(Math.abs(same / ids.length - 0.5)).toBeLessThan(0.02);
  });

  it('has no more bytes of a day than it may, also when late ones of the day before come between', () => {
    const { keep, added, outcomes } = capture(1, { dayBytes: 100 });
    const of = (day: string) => keep({ ...KEY, day }, new Uint8Array(40));
    for (const day of ['2030-01-01', '2030-01-01', '2030-01-01', '2030-01-02', '2030-01-01', '2030-01-02'])
      of(day);
    expect(added.map(({ day }) => day.slice(-1)).join('')).toBe('1121');
    expect(outcomes).toEqual(['dropped', 'dropped']);
  });

  it('has nothing of a model that is not named, whatever it is called', () => {
    expect(['other', '__proto__', 'constructor'].some((model) => capture(1).wants(model, 'r'))).toBe(false);
  });
});

/** A queue in front of a store whose writes end when the test says so. */
function queueOf({ maxBytes = 100, timeoutMs = 60_000 } = {}) {
  const outcomes: CaptureOutcome[] = [];
  const writes: { key: CaptureKey; image: Uint8Array; end: PromiseWithResolvers<void> }[] = [];
  const store = {
    put(key: CaptureKey, image: Uint8Array, signal: AbortSignal) {
      const end = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => end.reject(signal.reason));
      writes.push({ key, image, end });
      return end.promise;
    },
  };
  const report = { captured: (outcome: CaptureOutcome) => void outcomes.push(outcome) };
  const queue = createCaptureQueue({ store, maxBytes, timeoutMs, report });
  return { queue, outcomes, writes };
}

describe('the queue of captured images', () => {
  it('never holds more bytes than it may: what comes beyond is dropped and counted', async () => {
    const { queue, outcomes, writes } = queueOf({ maxBytes: 100 });
    for (let i = 0; i < 5; i += 1) queue.add(KEY, new Uint8Array(40));
    expect(queue.bytes).toBe(80);
    expect(outcomes).toEqual(['dropped', 'dropped', 'dropped']);
    for (const { end } of writes) end.resolve();
    await settled();
    expect([queue.bytes, outcomes.filter((outcome) => outcome === 'kept')]).toEqual([0, ['kept', 'kept']]);
    queue.add(KEY, new Uint8Array(40));
    expect(queue.bytes).toBe(40);
  });

  it('writes two at a time, in their order, and copies what may change', async () => {
    const { queue, writes } = queueOf();
    const body = Uint8Array.of(1, 2, 3);
    for (const at of [0, 1, 2]) queue.add(KEY, body.subarray(at, at + 1));
    body.fill(9);
    expect(writes.map(({ image }) => [...image])).toEqual([[1], [2]]);
    expect(writes[0]?.image.buffer.byteLength).toBe(1);
    writes[1]?.end.resolve();
    await settled();
    expect([...(writes[2]?.image ?? [])]).toEqual([3]);
  });

  it('goes on after a write that failed', async () => {
    const { queue, outcomes, writes } = queueOf();
    queue.add(KEY, Uint8Array.of(1));
    writes[0]?.end.reject(new Error('no space'));
    await settled();
    queue.add(KEY, Uint8Array.of(2));
    writes[1]?.end.resolve();
    await settled();
    expect([outcomes, queue.bytes]).toEqual([['failed', 'kept'], 0]);
  });

  it('writes what it has when it stops, and takes nothing more', async () => {
    const { queue, outcomes, writes } = queueOf();
    for (let i = 0; i < 3; i += 1) queue.add(KEY, Uint8Array.of(i));
    const stopped = queue.stop();
    queue.add(KEY, Uint8Array.of(9));
    for (let i = 0; i < 3; i += 1) {
      writes[i]?.end.resolve();
      await settled();
    }
    await stopped;
    expect(outcomes).toEqual(['dropped', 'kept', 'kept', 'kept']);
  });

  it('does not wait for a store that hangs when it stops', async () => {
    const { queue, outcomes } = queueOf({ timeoutMs: 1 });
    for (let i = 0; i < 3; i += 1) queue.add(KEY, Uint8Array.of(i));
    await queue.stop();
    expect(outcomes.includes('kept')).toBe(false);
    expect([outcomes.length, queue.bytes]).toEqual([3, 0]);
  });
});

describe('the retention of captured images', () => {
  it('is looked after again and again, also after a failure, until it stops', async () => {
    const removed: string[] = [];
    const failures: unknown[] = [];
    const pauses: { ms: number; end: () => void }[] = [];
    let days: () => readonly string[] = () => {
      throw new Error('away');
    };
    const store = {
      days: async () => days(),
      removeDay: async (day: string) => void removed.push(day),
    };
    const retention = startRetention({
      store: store as unknown as Parameters<typeof startRetention>[0]['store'],
      retentionDays: 30,
      now: () => Date.parse('2030-02-01T12:00:00Z'),
      report: { expired: () => undefined, expiryFailed: (error) => void failures.push(error) },
      pause: (ms, signal) =>
        new Promise((end) => {
          pauses.push({ ms, end });
          signal.addEventListener('abort', () => end());
        }),
    });
    await settled();
    expect([failures.length, pauses[0]?.ms]).toEqual([1, 3_600_000]);
    days = () => ['2030-01-01', '2030-01-02'];
    pauses[0]?.end();
    await settled();
    expect(removed).toEqual(['2030-01-01']);
    await retention.stop();
  });
});
