import { secondsSince } from '@headgate/testkit/eventually';
import type { Scenario } from '../scenario.ts';

/** What predictions do not need, with the pods that each has. */
const PARTS = { redis: 1, postgres: 1, control: 2 } as const;

/** Each is deleted under load and comes back. */
export const dependencies: Scenario = {
  name: 'dependencies',
  title: 'Redis, PostgreSQL and control deleted one after the other under load: predictions go on',
  withinMs: 240_000,
  async run({ kube, load, figure, progress }) {
    const running = load();
    await running.answered(40);
    for (const [component, count] of Object.entries(PARTS)) {
      progress(component);
      const before = new Set((await kube.readyPods(component)).map(({ metadata }) => metadata.uid));
      const startMs = performance.now();
      await kube.kubectl(['delete', 'pods', '-l', `app.kubernetes.io/component=${component}`]);
      await running.answered(60);
      const fits = ({ metadata }: { metadata: { uid: string } }) => !before.has(metadata.uid);
      await kube.whenReady(component, count, { fits, withinMs: 90_000 });
      figure(`${component} back in`, secondsSince(startMs));
      await running.answered(60);
    }
    const { longestGapMs } = await running.stop();
    figure('longest gap', `${longestGapMs.toFixed(0)} ms`);
  },
};
