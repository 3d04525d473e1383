import { ManualClock } from '@headgate/testkit/manual-clock';
import { expect, it } from 'vitest';
import { drain } from './server.ts';

it.each([1500, 7000])(
  'server#6230, sglang#38744: says that it is not ready, serves for %i ms more, and only then closes',
  async (delayMs) => {
    const clock = new ManualClock();
    const steps: string[] = [];
    const done = drain({
      announce: () => void steps.push('not ready'),
      close: async () => void steps.push('closed'),
      delayMs,
      clock,
    });
    expect(steps).toEqual(['not ready']);
    clock.advance(delayMs - 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(steps).toEqual(['not ready']);
    clock.advance(1);
    await done;
    expect(steps).toEqual(['not ready', 'closed']);
  },
);
