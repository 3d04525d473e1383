import { expect, it } from 'vitest';
import { keepLooking } from './looks.ts';

/** Looks until `count` were made; each of `bad` fails. */
async function lookAt(count: number, bad: readonly number[]) {
  const enough = Promise.withResolvers<void>();
  let made = 0;
  const looks = keepLooking(async () => {
    made += 1;
    if (made === count) enough.resolve();
    if (bad.includes(made)) throw new Error('no pod answers');
  }, 0);
  await enough.promise;
  await looks.stop();
  return looks;
}

it('counts looks, of which a few may fail', async () => {
  const looks = await lookAt(20, [3, 7]);
  expect(looks.enough()).toBe(18);
});

it.each([
  ['too many failed', 20, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
  ['there were too few', 1, []],
])('shows nothing when %s', async (_, count, bad) => {
  const looks = await lookAt(count, bad);
  expect(looks.enough).toThrow('looks failed');
});
