import { expect, it, onTestFinished, vi } from 'vitest';
import { fakeRouting } from '../testing/experiment-bench.ts';
import { watchExperiments } from './watch.ts';

it('looks at models with traffic once a minute, while this process leads', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  let [isLeader, requests] = [true, 1];
  const looked: string[] = [];
  const watching = watchExperiments({
    experiments: { look: async (model) => void looked.push(model), thin: async () => undefined },
    routing: fakeRouting({ fp32: 50, int8: 50 }),
    figures: { window: () => ({ requests }) as never },
    isLeader: () => isLeader,
    logger: { warn: () => undefined, info: () => undefined },
  });
  const minute = () => vi.advanceTimersByTimeAsync(60_000);
  await minute();
  expect(looked).toEqual(['net']);
  isLeader = false;
  await minute();
  expect(looked).toEqual(['net']);
  isLeader = true;
  requests = 0;
  await minute();
  expect(looked).toEqual(['net']);
  requests = 1;
  await minute();
  expect(looked).toEqual(['net', 'net']);
  watching.stop();
});
