import { ok } from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { secondsSince } from '@headgate/testkit/eventually';
import type { Pod } from '../kube.ts';
import type { Tally } from '../load.ts';
import type { Context, Scenario } from '../scenario.ts';

/** Enough that one failure is a thousandth. */
const REQUESTS = 1050;
const PER_SECOND = 40;
const MAY_FAIL = 0.001;
const READY_WITHIN_MS = 30_000;
/** A pod that hangs before it dies has calls in progress; health notices a silent one after a second. */
const HANG_MS = 500;

type Kill = (context: Context, pod: Pod) => Promise<void>;

/** The pod is gone at once, without a drain. */
const killPod: Kill = async ({ kube }, { metadata }) => {
  await kube.kubectl(['delete', 'pod', metadata.name, '--grace-period=0', '--force', '--wait=false']);
};

/** The first process of the container, as the kernel does when memory is short; the kubelet starts it again. */
export const killProcess =
  (component: string): Kill =>
  async ({ host }, pod) => {
    process.kill(firstPid(host.pids(pod, component)), 'SIGKILL');
  };

/** All processes of the container stand still, then die: their calls have begun and are not answered. */
const hangAndKill =
  (component: string): Kill =>
  async ({ host }, pod) => {
    const pids = host.pids(pod, component);
    const first = firstPid(pids);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await pause(HANG_MS);
    process.kill(first, 'SIGKILL');
  };

function firstPid([first]: readonly number[]): number {
  if (first === undefined) throw new Error('the container has no process');
  return first;
}

/** Kills a pod of a component under load and waits until as many as before are ready again. */
async function killUnderLoad(context: Context, component: string, kill: Kill): Promise<Tally> {
  const { kube, load, figure, progress } = context;
  const before = await kube.readyPods(component);
  // The kubelet starts a container that ended before with a growing pause.
  const [victim] = before.toSorted((a, b) => restartsOf(a, component) - restartsOf(b, component));
  if (victim === undefined) throw new Error(`no pod of ${component} is ready`);
  const running = load({ perSecond: PER_SECOND });
  await running.answered(150);
  progress('killing');
  const startMs = performance.now();
  await kill(context, victim);
  const restarts = restartsOf(victim, component);
  const fits = (pod: Pod) =>
    pod.metadata.uid !== victim.metadata.uid || restartsOf(pod, component) > restarts;
  await kube.whenReady(component, before.length, { fits, withinMs: READY_WITHIN_MS });
  figure('replacement ready', secondsSince(startMs));
  await running.answered(Math.max(60, REQUESTS - running.samples.length));
  return running.stop();
}

export function restartsOf({ status }: Pod, container: string): number {
  return status.containerStatuses?.find(({ name }) => name === container)?.restartCount ?? 0;
}

const killScenario = (name: string, title: string, component: string, kill: Kill): Scenario => ({
  ...{ name, title, withinMs: 150_000, mayFail: MAY_FAIL },
  async run(context) {
    await killUnderLoad(context, component, kill);
  },
});

export const podKilled = ['gateway', 'inference'].map((component) =>
  killScenario(
    `${component}-pod-killed`,
    `A pod of ${component} killed under load: at most 0.1 % fail, replaced within 30 s`,
    component,
    killPod,
  ),
);

export const processKilled = ['gateway', 'inference'].map((component) =>
  killScenario(
    `${component}-process-killed`,
    `The process of a pod of ${component} killed under load: at most 0.1 % fail, back within 30 s`,
    component,
    killProcess(component),
  ),
);

export const inferenceHangs = killScenario(
  'inference-hangs',
  'A pod of inference stands still for 0.5 s and dies under load: the second attempt hides it',
  'inference',
  hangAndKill('inference'),
);

/** How many calls the second attempt saved just before: without it they are the callers'. */
export const withoutSecondAttempt: Scenario = {
  name: 'without-second-attempt',
  title: 'The same with the second attempt switched off: the calls in progress fail',
  withinMs: 240_000,
  mayFail: 0.05,
  async run(context) {
    const { kube, release, cleanUp, figure } = context;
    const gateway = `deployment/${release}-gateway`;
    cleanUp((later) => later.kubectl(['set', 'env', gateway, '-c', 'gateway', `${SECOND_ATTEMPT}-`]));
    await kube.kubectl(['set', 'env', gateway, '-c', 'gateway', `${SECOND_ATTEMPT}=false`]);
    await kube.rolledOut(`${release}-gateway`);
    const { failed } = await killUnderLoad(context, 'inference', hangAndKill('inference'));
    figure('calls that it would have saved', failed);
    ok(failed > 0, 'a call fails when nothing sends it again');
  },
};

const SECOND_ATTEMPT = 'HEADGATE_GATEWAY__UPSTREAM__SECOND_ATTEMPT';
