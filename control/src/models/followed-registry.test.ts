import { expect, it } from 'vitest';
import { fakeRegistry } from '../testing/fake-registry.ts';
import { FollowedRegistry } from './followed-registry.ts';

const MODEL = 'net';

it('does not let a slow read put back what was changed meanwhile, and reads once for all who wait', async () => {
  const registry = fakeRegistry(MODEL, ['1']);
  registry.alias('staging', '1');
  const { models } = registry;
  const slow = Promise.withResolvers<void>();
  let reads = 0;
  registry.models = async () => {
    reads += 1;
    const answer = await models();
    if (reads === 1) await slow.promise;
    return answer;
  };
  const logger = { info: () => undefined, warn: () => undefined };
  const followed = new FollowedRegistry({ registry, nowMs: () => 7, logger });
  const first = followed.read();
  await expect.poll(() => reads).toBe(1);
  registry.alias('staging', null);
  const later = Promise.all([followed.forChange(MODEL), followed.read()]);
  slow.resolve();
  await first;
  expect(followed.model(MODEL)?.aliases).toEqual({ staging: '1' });
  const [{ model }] = await later;
  expect([model.aliases, followed.model(MODEL)?.aliases, reads]).toEqual([{}, {}, 2]);
});
