import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { withProgress } from './progress.ts';
import type { Surroundings } from './surroundings.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched(isTerminal: boolean) {
  let shown = '';
  const err = (text: string) => {
    shown += text;
  };
  const terminal = { in: false, out: false, err: isTerminal };
  const { promise, resolve } = Promise.withResolvers<number>();
  const result = withProgress('waiting', { err, terminal } as Surroundings, promise);
  return { shown: () => shown, resolve, result };
}

it('shows nothing for two seconds, then what it waits for, and wipes it', async () => {
  const { shown, resolve, result } = watched(true);
  await vi.advanceTimersByTimeAsync(1900);
  expect(shown()).toBe('');
  await vi.advanceTimersByTimeAsync(1200);
  expect(shown()).toContain('waiting, 3 s');
  resolve(7);
  expect(await result).toBe(7);
  expect(shown().endsWith('\r\u001b[K')).toBe(true);
});

it('shows nothing where stderr is no terminal', async () => {
  const { shown, resolve, result } = watched(false);
  await vi.advanceTimersByTimeAsync(60_000);
  resolve(7);
  await result;
  expect(shown()).toBe('');
});
