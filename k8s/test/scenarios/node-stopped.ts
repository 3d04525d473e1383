import { equal } from 'node:assert/strict';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { isReady, type Kube, type Pod } from '../kube.ts';
import type { Context, Scenario } from '../scenario.ts';

const PER_SECOND = 40;
/** So many that the calls of about a second on one of three pods may not fail. */
const REQUESTS = 2400;
const READY_WITHIN_MS = 30_000;
const PARTS = ['gateway', 'inference'] as const;

/**
 * A node loses power: no packet says so. Connections of clients to an Envoy on it are the load balancer's concern, so
 * the Envoys are moved away first. It has all gateways and inference pods but one of each, as a node may after drains.
 */
export const nodeStopped: Scenario = {
  name: 'node-stopped',
  title:
    'A node with most of the pods but no Envoy loses power under load: at most 0.1 % fail, all ready elsewhere within 30 s',
  withinMs: 240_000,
  mayFail: 0.001,
  async run(context) {
    const { kube, load, figure, progress, cluster, cleanUp } = context;
    const node = await kube.nodeWith(...PARTS);
    await moveEnvoyAway(context, node);
    for (const part of PARTS) figure(`${part} pods lost`, await crowd(context, part, node));
    const before = await Promise.all(PARTS.map(async (part) => (await kube.readyPods(part)).length));
    const running = load({ perSecond: PER_SECOND });
    await running.answered(200);
    cleanUp(async (later) => {
      await cluster('node-start', node);
      await later.kubectl(['wait', '--for=condition=Ready', `node/${node}`, '--timeout=60s']);
    });
    progress(`stopping ${node}`);
    const startMs = performance.now();
    await cluster('node-stop', node);
    const failedSoFar = () => running.samples.filter(({ result }) => result !== 'ok').length;
    for (const [i, part] of PARTS.entries()) {
      const elsewhere = async () => {
        const ready = (await kube.pods(part)).filter((pod) => isReady(pod) && pod.spec.nodeName !== node);
        return ready.length >= (before[i] ?? 0);
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

async function moveEnvoyAway({ kube, cleanUp }: Context, node: string): Promise<void> {
  const onNode = ({ spec }: Pod) => spec.nodeName === node;
  const there = (await kube.readyPods('envoy')).filter(onNode);
  if (there.length === 0) return;
  cleanUp((later) => later.kubectl(['uncordon', node]));
  await kube.kubectl(['cordon', node]);
  for (const { metadata } of there) await kube.kubectl(['delete', 'pod', metadata.name, '--wait=false']);
  await kube.whenReady('envoy', 2, { fits: (pod) => !onNode(pod) });
  await whenGone(kube, there);
  await kube.kubectl(['uncordon', node]);
}

/** Moves the pods of a component to `node`, all but one. @returns how many are there then */
async function crowd({ kube, cleanUp }: Context, part: string, node: string): Promise<number> {
  const others = ['kn0', 'kn1', 'kn2'].filter((name) => name !== node);
  const before = await kube.readyPods(part);
  const moved = before.filter(({ spec }) => spec.nodeName !== node).slice(1);
  cleanUp((later) => later.kubectl(['uncordon', ...others]));
  await kube.kubectl(['cordon', ...others]);
  for (const { metadata } of moved) await kube.kubectl(['delete', 'pod', metadata.name, '--wait=false']);
  await whenGone(kube, moved);
  const after = await kube.whenReady(part, before.length);
  await kube.kubectl(['uncordon', ...others]);
  const there = after.filter(({ spec }) => spec.nodeName === node).length;
  equal(there, before.length - 1, `all pods of ${part} but one are on ${node}`);
  return there;
}

async function whenGone(kube: Kube, pods: readonly Pod[]): Promise<void> {
  for (const { metadata } of pods)
    await kube.kubectl(['wait', '--for=delete', `pod/${metadata.name}`, '--timeout=50s']);
}
