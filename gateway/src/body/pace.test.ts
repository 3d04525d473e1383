import { HeadgateError } from '@headgate/contracts/errors';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestDeadline } from '../deadline.ts';
import { PACE, watchUpload } from './pace.ts';

/** An upload under fake timers, of which so many bytes arrive in each second. */
function upload(
  budgetMs: number,
  { declaredBytes = 0, mostMs = budgetMs, bytesAt = (_second: number) => 0 },
) {
  const clock = { monotonicMs: () => Date.now() };
  const deadline = new RequestDeadline({ startedAtMs: Date.now(), budgetMs, mostMs }, clock);
  let bytes = 0;
  const refusals: { second: number; error: HeadgateError }[] = [];
  let second = 0;
  const watched = watchUpload(
    { deadline, declaredBytes },
    () => bytes,
    (error) => {
      refusals.push({ second, error });
    },
  );
  return {
    deadline,
    refusals,
    watched,
    run(seconds: number) {
      for (let i = 0; i < seconds && refusals.length === 0; i++) {
        second += 1;
        bytes += bytesAt(second);
        vi.advanceTimersByTime(1000);
      }
      return refusals[0];
    },
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('an upload', () => {
  it.each([
    ['a telephone at 1 Mbit/s', 125_000],
    ['a line of 64 kbit/s', 8000],
    ['the slowest line that may be', PACE.bytes_per_s],
  ])('goes on as long as its caller granted, over %s', (_, rate) => {
    expect(upload(30_000, { bytesAt: () => rate }).run(29)).toBeUndefined();
  });

  it('goes on after a pause that is shorter than five seconds, and after several', () => {
    const { run } = upload(60_000, { bytesAt: (second) => (second % 5 === 1 ? 40_000 : 0) });
    expect(run(59)).toBeUndefined();
  });

  it('may begin slowly', () => {
    expect(upload(30_000, { bytesAt: (second) => (second < 4 ? 10 : 20_000) }).run(29)).toBeUndefined();
  });

  it.each([
    ['that never begins', () => 0, 5],
    ['that stops', (second: number) => (second <= 3 ? 100_000 : 0), 8],
    ['that drips a byte a second', () => 1, 5],
    ['that drips after a good start', (second: number) => (second === 1 ? 40_000 : 1), 10],
    ['just below the lowest rate', () => PACE.bytes_per_s - 1, 5],
  ])('%s is cut long before the time that its caller granted', (_, bytesAt, second) => {
    const cut = upload(30_000, { bytesAt }).run(29);
    expect(cut?.second).toBe(second);
    expect(cut?.error.reason).toBe('upload_timeout');
  });
});

describe('the refusal says what arrived, in what time, and what helps', () => {
  it.each([
    [
      'of a body that stopped',
      { declaredBytes: 900_000, bytesAt: (second: number) => (second <= 2 ? 50_000 : 0) },
      'The body stopped for 5 s: 100000 of 900000 bytes arrived. Send it without a pause.',
    ],
    [
      'of a body that drips',
      { bytesAt: () => 100 },
      'The body was too slow for 5 s: 500 bytes arrived. Send at least 4096 bytes a second.',
    ],
    [
      'of a body that had less time than it needed',
      { declaredBytes: 900_000, mostMs: 30_000, bytesAt: () => 50_000 },
      'The body did not arrive in time: 500000 of 900000 bytes arrived. The time limit of this request is 10 s; x-headgate-timeout-ms can grant up to 30000 ms. Or make the body smaller.',
    ],
    [
      'of a body that had the longest time there is',
      { bytesAt: () => 50_000 },
      'The body did not arrive in time: 500000 bytes arrived. The time limit of this request is 10 s, the longest there is. Or make the body smaller.',
    ],
  ])('%s', (_, sender, detail) => {
    expect(upload(10_000, sender).run(12)?.error.detail).toBe(detail);
  });
});

it('a client that leaves is no slow upload', () => {
  const { deadline, refusals } = upload(30_000, {});
  deadline.end(new HeadgateError('cancelled', 'The client closed the connection.'));
  expect(refusals.map(({ error }) => error.reason)).toEqual(['cancelled']);
});

it('nothing is watched after disposal', () => {
  const { watched, run } = upload(30_000, {});
  watched[Symbol.dispose]();
  expect(run(40)).toBeUndefined();
});
