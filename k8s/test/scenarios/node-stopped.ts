import { ok } from 'node:assert/strict';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { isReady, type Kube, type Pod } from '../kube.ts';
import type { Context, Scenario } from '../scenario.ts';

/** The host reaches the cluster through kn0. */
const NODE = 'kn2';
const SPARE = ['kn0', 'kn1'];
const PER_SECOND = 40;
/** So many that the calls of about a second on one of three pods may not fail. */
const REQUESTS = 2400;
const READY_WITHIN_MS = 30_000;
const PARTS = ['gateway', 'inference'] as const;

/**
 * A node loses power: no packet says so. Connections of clients to an Envoy on it are the load balancer's concern, so
 * the Envoys are moved away first.
 */
export const nodeStopped: Scenario = {
  name: 'node-stopped',
  title:
    'A node without Envoy loses power under load: at most 0.1 % fail, all pods ready elsewhere within 30 s',
  withinMs: 240_000,
  mayFail: 0.001,
  async run(context) {
    const { kube, load, figure, progress, cluster, cleanUp } = context;
    await moveEnvoyAway(context);
    const before = new Map<string, number>();
    for (const part of PARTS) {
      const pods = await kube.readyPods(part);
      ok(
        pods.some(({ spec }) => spec.nodeName === NODE),
        `${NODE} has a pod of ${part}`,
      );
      before.set(part, pods.length);
    }
    const running = load({ perSecond: PER_SECOND });
    await running.answered(200);
    cleanUp(async (later) => {
      await cluster('node-start', NODE);
      await later.kubectl(['wait', '--for=condition=Ready', `node/${NODE}`, '--timeout=60s']);
    });
    progress(`stopping ${NODE}`);
    const startMs = performance.now();
    await cluster('node-stop', NODE);
    const failedSoFar = () => running.samples.filter(({ result }) => result !== 'ok').length;
    for (const part of PARTS) {
      const elsewhere = async () => {
        const ready = (await kube.pods(part)).filter((pod) => isReady(pod) && pod.spec.nodeName !== NODE);
        return ready.length >= (before.get(part) ?? 0);
      };
      const withinMs = READY_WITHIN_MS - (performance.now() - startMs);
      await eventually(elsewhere, { what: `${part} is whole on other nodes`, withinMs, everyMs: 500 });
      figure(`${part} whole after`, secondsSince(startMs));
    }
    figure('failed until then', failedSoFar());
    await running.answered(Math.max(200, REQUESTS - running.samples.length));
    const { longestGapMs } = await running.stop();
    figure('longest time without an answer', `${longestGapMs.toFixed(0)} ms`);
  },
};

async function moveEnvoyAway({ kube, cleanUp }: Context): Promise<void> {
  const onNode = ({ spec }: Pod) => spec.nodeName === NODE;
  const there = (await kube.readyPods('envoy')).filter(onNode);
  if (there.length === 0) return;
  cleanUp((later) => later.kubectl(['uncordon', NODE]));
  await kube.kubectl(['cordon', NODE]);
  for (const { metadata } of there) await kube.kubectl(['delete', 'pod', metadata.name, '--wait=false']);
  await kube.whenReady('envoy', 2, { fits: (pod) => SPARE.includes(pod.spec.nodeName ?? '') });
  await whenGone(kube, there);
  await kube.kubectl(['uncordon', NODE]);
}

async function whenGone(kube: Kube, pods: readonly Pod[]): Promise<void> {
  for (const { metadata } of pods)
    await kube.kubectl(['wait', '--for=delete', `pod/${metadata.name}`, '--timeout=50s']);
}
