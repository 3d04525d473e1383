import { expect, it } from 'vitest';
import { paced } from './paced.ts';

/** Sends items of this work; each ends when the test says so. */
function start(work: readonly number[]) {
  const sent: number[] = [];
  const ends: (() => void)[] = [];
  const results = paced(
    work,
    (one) => one,
    (_, index) => {
      sent.push(index);
      return new Promise<string>((resolve) => ends.push(() => resolve(`result ${index}`)));
    },
  );
  const end = async (index: number) => {
    ends[index]?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { sent, results, end };
}

it('sends ordinary items all at once', () => {
  expect(start(Array(16).fill(10)).sent).toHaveLength(16);
});

it('sends costly items after those before them, in order, and answers in order', async () => {
  const { sent, results, end } = start([140, 140, 140, 450]);
  expect(sent).toEqual([0, 1]);
  await end(1);
  expect(sent).toEqual([0, 1, 2]);
  await end(0);
  await end(2);
  expect(sent).toEqual([0, 1, 2, 3]);
  await end(3);
  expect(await results).toEqual(['result 0', 'result 1', 'result 2', 'result 3']);
});

it('is done when there is nothing to send', async () => {
  expect(await start([]).results).toEqual([]);
});
