import { expect, it } from 'vitest';
import { systemClock } from './clock.ts';

it('does not fire at once after a delay that is too long for a timer', async () => {
  let fired = false;
  const cancel = systemClock.after(2 ** 40, () => {
    fired = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  cancel();
  expect(fired).toBe(false);
});
