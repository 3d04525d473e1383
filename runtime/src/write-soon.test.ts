import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createWriteSoon } from './write-soon.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('flushes all writers in one turn, each once, and has no timer while nobody asks', () => {
  const soon = createWriteSoon(100);
  const [records, lines] = [vi.fn(), vi.fn()];
  expect(vi.getTimerCount()).toBe(0);
  soon(records);
  vi.advanceTimersByTime(60);
  soon(lines);
  soon(records);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(40);
  expect([records.mock.calls.length, lines.mock.calls.length]).toEqual([1, 1]);
  expect(vi.getTimerCount()).toBe(0);
});

it('takes what a flush asks for into the next group', () => {
  const soon = createWriteSoon(100);
  let flushes = 0;
  const again = () => {
    flushes += 1;
    if (flushes < 3) soon(again);
  };
  soon(again);
  vi.advanceTimersByTime(100);
  expect(flushes).toBe(1);
  vi.advanceTimersByTime(200);
  expect(flushes).toBe(3);
});
