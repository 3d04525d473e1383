import { ok } from 'node:assert/strict';
import { METRIC } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { total } from '@headgate/testkit/metrics';
import type { Pod } from '../kube.ts';
import type { Context, Scenario } from '../scenario.ts';

const METRICS_PORT = 8445;
const SHARE = 0.1;
const WITHIN_MS = 30_000;
/** Calls between two looks: with six pods each expects 40 of them, and 10 % are 24. */
const CALLS = 240;

/** New inference pods get their part of the calls (decision 8), and pods that leave lose none. */
export const scaleInference: Scenario = {
  name: 'scale',
  title: 'Inference scales 3→6→3 under load: no failure, each new pod gets 10 % of the calls within 30 s',
  withinMs: 180_000,
  async run(context) {
    const { kube, release, load, figure, progress, cleanUp } = context;
    const scale = (replicas: number) =>
      kube.kubectl(['scale', `deployment/${release}-inference`, `--replicas=${replicas}`]);
    cleanUp((later) => later.kubectl(['scale', `deployment/${release}-inference`, '--replicas=3']));
    const before = new Set((await kube.whenReady('inference', 3)).map(({ metadata }) => metadata.uid));
    const running = load({ perSecond: 40 });
    await running.answered(60);
    progress('3→6');
    const startMs = performance.now();
    await scale(6);
    const pods = await kube.whenReady('inference', 6);
    figure('3→6 ready', secondsSince(startMs));
    const readyMs = performance.now();
    const fresh = pods.filter(({ metadata }) => !before.has(metadata.uid));
    const least = await eventually(() => leastShare(context, pods, fresh), {
      ...{ what: 'a tenth of the calls for each new pod', withinMs: WITHIN_MS, everyMs: 0 },
    });
    figure('each new pod has 10 % after', secondsSince(readyMs));
    figure('least share', `${(least * 100).toFixed(0)} %`);
    progress('6→3');
    await scale(3);
    const gone = async () => (await kube.pods('inference')).length === 3;
    await eventually(gone, { what: 'three pods less', withinMs: 60_000, everyMs: 500 });
    await running.answered(400);
    await running.stop();
  },
};

/** Smallest share of a new pod in the next calls; undefined while it is below a tenth. */
async function leastShare(context: Context, pods: readonly Pod[], fresh: readonly Pod[]) {
  const from = await callsOf(context, pods);
  const to = await eventually(
    async () => {
      const now = await callsOf(context, pods);
      return sum(now) - sum(from) >= CALLS && now;
    },
    { what: `${CALLS} calls`, withinMs: 20_000, everyMs: 1000 },
  );
  const calls = sum(to) - sum(from);
  const shares = fresh.map((pod) => {
    const at = pods.indexOf(pod);
    return ((to[at] ?? 0) - (from[at] ?? 0)) / calls;
  });
  ok(shares.length === 3, `three new pods, not ${shares.length}`);
  const least = Math.min(...shares);
  return least >= SHARE ? least : undefined;
}

function callsOf({ host }: Context, pods: readonly Pod[]): Promise<number[]> {
  return Promise.all(
    pods.map(async (pod) => total(await host.metrics(pod, METRICS_PORT), METRIC.inferRequests)),
  );
}

const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one, 0);
