import { deepEqual } from 'node:assert/strict';
import { secondsSince } from '@headgate/testkit/eventually';
import type { Kube } from '../kube.ts';
import type { Scenario } from '../scenario.ts';

/** Answers before and after a change, so that its begin and its end lie within the load. */
const MARGIN = 60;

/** Every pod of one component is replaced under load. */
function rollingUpdate(component: string): Scenario {
  return {
    name: `rolling-${component}`,
    title: `Rolling update of ${component} under load loses nothing`,
    withinMs: 180_000,
    async run({ kube, release, load, figure, progress }) {
      const name = `${release}-${component}`;
      const before = await namesOf(kube, component);
      const running = load();
      await running.answered(MARGIN);
      progress('replacing the pods');
      const startMs = performance.now();
      await kube.kubectl(['rollout', 'restart', `deployment/${name}`]);
      await kube.rolledOut(name, 150_000);
      figure('replaced in', secondsSince(startMs));
      const old = before.map((pod) => `pod/${pod}`);
      await kube.kubectl(['wait', '--for=delete', ...old, '--timeout=60s'], { withinMs: 65_000 });
      figure('last one gone after', secondsSince(startMs));
      await running.answered(MARGIN);
      const { p99Ms } = await running.stop();
      figure('p99', `${p99Ms.toFixed(0)} ms`);
      const after = await namesOf(kube, component);
      deepEqual(
        after.filter((pod) => before.includes(pod)),
        [],
        'pods that were not replaced',
      );
    },
  };
}

const namesOf = async (kube: Kube, component: string) =>
  (await kube.readyPods(component)).map(({ metadata }) => metadata.name);

export const rollingGateway = rollingUpdate('gateway');
export const rollingInference = rollingUpdate('inference');
export const rollingEnvoy = rollingUpdate('envoy');

/** One of two gateways ends and comes back. */
export const twoGateways: Scenario = {
  name: 'two-gateways',
  title: 'With two gateways, a restart of one under load loses nothing',
  withinMs: 180_000,
  async run({ kube, release, load, figure, cleanUp }) {
    const scale = (by: Kube, replicas: number) =>
      by.kubectl(['scale', `deployment/${release}-gateway`, `--replicas=${replicas}`]);
    const { spec } = await kube.get<{ spec: { replicas: number } }>('deployment', `${release}-gateway`);
    cleanUp((later) => scale(later, spec.replicas));
    await scale(kube, 2);
    await kube.rolledOut(`${release}-gateway`);
    const [first] = await kube.readyPods('gateway');
    if (first === undefined) throw new Error('no gateway is ready');
    const running = load();
    await running.answered(MARGIN);
    const startMs = performance.now();
    await kube.kubectl(['delete', 'pod', first.metadata.name, '--wait=false']);
    await kube.whenReady('gateway', 2, { fits: ({ metadata }) => metadata.uid !== first.metadata.uid });
    figure('second gateway ready after', secondsSince(startMs));
    await kube.kubectl(['wait', '--for=delete', `pod/${first.metadata.name}`, '--timeout=60s']);
    await running.answered(MARGIN);
    await running.stop();
  },
};
