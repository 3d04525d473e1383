import { expect, it } from 'vitest';
import { stopAll } from './stop-all.ts';

it('stops what comes after a step that fails, in order, and then fails as it did', async () => {
  const stopped: string[] = [];
  const full = new Error('ENOSPC');
  const steps = [
    () => stopped.push('listeners'),
    async () => {
      throw full;
    },
    async () => {
      await new Promise(setImmediate);
      stopped.push('records');
    },
    () => stopped.push('spans'),
  ];
  await expect(stopAll(steps)).rejects.toBe(full);
  expect(stopped).toEqual(['listeners', 'records', 'spans']);
});

it('tells of all that failed', async () => {
  const [first, second] = [new Error('ENOSPC'), new Error('EIO')];
  const steps = [() => Promise.reject(first), () => Promise.reject(second)];
  await expect(stopAll(steps)).rejects.toMatchObject({ errors: [first, second] });
});

it('settles where nothing failed', async () => {
  await expect(stopAll([() => undefined])).resolves.toBeUndefined();
});
