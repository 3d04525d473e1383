import { ok } from 'node:assert/strict';
import { METRIC } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { total } from '@headgate/testkit/metrics';
import type { Pod } from '../kube.ts';
import { keepLooking } from '../looks.ts';
import type { Context, Scenario } from '../scenario.ts';

const METRICS_PORT = 8447;
/** The lease, an attempt, and what a busy machine adds. */
const TAKEN_OVER_MS = 40_000;
/** While both answer, so that two leaders would be seen. */
const FEWEST_LOOKS = 10;

/** Control has two pods, of which one leads. */
export const leader: Scenario = {
  name: 'leader',
  title: 'One control leads; the other takes over from one that ends or hangs, and never beside it',
  withinMs: 180_000,
  async run(context) {
    const { kube, figure, progress } = context;
    await kube.whenReady('control', 2);
    await eventually(() => holderOf(context), { what: 'a leader', withinMs: TAKEN_OVER_MS });
    const watch = watchLeaders(context);
    try {
      progress('ending the leader');
      figure('taken over after an orderly end', await takeOver(context, endPod));
      await kube.whenReady('control', 2);
      progress('the leader stands still');
      figure('taken over from one that hangs', await takeOver(context, standStill));
      await kube.whenReady('control', 2);
      progress('looking at both');
      const seen = () => watch.both >= FEWEST_LOOKS;
      await eventually(seen, { what: 'answers of both', withinMs: TAKEN_OVER_MS, everyMs: 500 });
    } finally {
      await watch.looks.stop();
    }
    watch.looks.enough();
    figure('looks at both', watch.both);
    ok(watch.most <= 1, `${watch.most} control processes led at once`);
  },
};

type Disturb = (context: Context, pod: Pod) => Promise<void>;

const endPod: Disturb = async ({ kube }, { metadata }) => {
  await kube.kubectl(['delete', 'pod', metadata.name, '--wait=false']);
};

/** It cannot renew, and does not know when it goes on. */
const standStill: Disturb = async ({ host, cleanUp }, pod) => {
  const pids = host.pids(pod, 'control');
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const goOn = async () => {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  };
  cleanUp(() => goOn().catch(() => undefined));
};

/** Disturbs the pod that leads and waits for another one. @returns how long that took */
async function takeOver(context: Context, disturb: Disturb): Promise<string> {
  const { kube, host } = context;
  const before = await holderOf(context);
  const pod = (await kube.readyPods('control')).find(({ metadata }) => metadata.name === before);
  ok(pod, 'no ready pod leads');
  const startMs = performance.now();
  await disturb(context, pod);
  const next = async () => {
    const holder = await holderOf(context);
    if (!holder || holder === before) return false;
    const other = (await kube.readyPods('control')).find(({ metadata }) => metadata.name === holder);
    return other !== undefined && total(await host.metrics(other, METRICS_PORT), METRIC.leader) === 1;
  };
  await eventually(next, { what: 'another leader', withinMs: TAKEN_OVER_MS, everyMs: 200 });
  const seconds = secondsSince(startMs);
  for (const pid of host.pids(pod, 'control')) process.kill(pid, 'SIGCONT');
  return seconds;
}

export async function holderOf({ kube, release }: Context): Promise<string | undefined> {
  const lease = await kube.get<{ spec: { holderIdentity?: string } }>('lease', `${release}-control`);
  return lease.spec.holderIdentity;
}

/** Asks all control pods whether they lead, again and again; one that ends or stands still does not answer. */
function watchLeaders({ kube, host }: Context) {
  const watch = { most: 0, both: 0, looks: keepLooking(look, 500) };
  async function look() {
    const pods = await kube.pods('control');
    const leads = async (pod: Pod) => total(await host.metrics(pod, METRICS_PORT), METRIC.leader);
    const asked = await Promise.allSettled(pods.map(leads));
    const answers = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    ok(answers.length > 0, 'no control pod answers');
    const sum = answers.reduce((all, one) => all + one, 0);
    watch.most = Math.max(watch.most, sum);
    if (answers.length > 1) watch.both += 1;
  }
  return watch;
}
