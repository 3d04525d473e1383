import { expect, it } from 'vitest';
import { pause, systemClock, type TimerClock } from './clock.ts';

it('does not fire at once after a delay that is too long for a timer', async () => {
  let fired = false;
  const cancel = systemClock.after(2 ** 40, () => {
    fired = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  cancel();
  expect(fired).toBe(false);
});

it('pauses until the time is over or the signal says so, also when it has said so before', async () => {
  const timers: (() => void)[] = [];
  let cancelled = 0;
  const after = (_: number, fn: () => void) => {
    timers.push(fn);
    return () => {
      cancelled += 1;
    };
  };
  const clock: TimerClock = { ...systemClock, after };
  const stopping = new AbortController();
  const over = pause(clock, 1000, stopping.signal);
  timers[0]?.();
  await over;
  const stopped = pause(clock, 1000, stopping.signal);
  stopping.abort();
  await stopped;
  expect(cancelled).toBe(2);
  await pause(clock, 1000, stopping.signal);
  expect(timers).toHaveLength(2);
});
