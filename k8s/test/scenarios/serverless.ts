import { equal, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRIC } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { type Sample, total } from '@headgate/testkit/metrics';
import { stringify } from 'yaml';
import { predictOnce } from '../load.ts';
import type { Context, Scenario } from '../scenario.ts';

const IDLE_SECONDS = 15;
const BURST = 200;
const STAGES = ['scale', 'start', 'load', 'answer'] as const;
const PORTS = { gateway: 8442, control: 8447 } as const;
const DEADLINE_MS = 30_000;

/** The only model, in the only pool. The pool has no pod while no requests come. */
const VALUES = {
  settings: { HEADGATE_GATEWAY__DEADLINE__DEFAULT_MS: String(DEADLINE_MS) },
  inference: {
    pools: {
      default: { enabled: false },
      spare: { enabled: true, serverless: { model: 'digits', idleSeconds: IDLE_SECONDS, parked: BURST } },
    },
  },
};

/** Nobody asks, then one does, then many do at once, then one does while control is away. */
export const serverless: Scenario = {
  name: 'serverless',
  title: 'A model without pods: 0→1 on a request, 1→0 after idle, a burst of 200 loses none',
  withinMs: 420_000,
  async run(context) {
    const { kube, release, dir, deploy, figure, progress, cleanUp } = context;
    const file = join(dir, 'serverless.yaml');
    writeFileSync(file, stringify(VALUES));
    progress('deploying');
    cleanUp(() => deploy());
    await deploy(['--values', file]);

    figure('1→0 in', await noPod(context));
    progress('0→1 by one request');
    const before = await coldStarts(context);
    const startMs = performance.now();
    equal(await ask(context), 'ok');
    figure('first answer after', secondsSince(startMs));
    const after = await eventually(
      async () => {
        const now = await coldStarts(context);
        return now.count > before.count && now;
      },
      { what: 'the stages of the cold start', withinMs: 20_000, everyMs: 500 },
    );
    for (const stage of STAGES) figure(stage, `${(after[stage] - before[stage]).toFixed(1)} s`);

    figure('1→0 again in', await noPod(context));
    progress(`a burst of ${BURST}`);
    const burstMs = performance.now();
    const results = await burst(context);
    figure('burst answered in', secondsSince(burstMs));
    figure('burst sent', results.length);
    figure('burst failed', results.filter((result) => result !== 'ok').length);
    equal(
      results.find((result) => result !== 'ok'),
      undefined,
    );

    await noPod(context);
    progress('without control');
    const control = `deployment/${release}-control`;
    cleanUp((later) => later.kubectl(['scale', control, '--replicas=2']));
    await kube.kubectl(['scale', control, '--replicas=0']);
    await eventually(async () => (await kube.pods('control')).length === 0, {
      ...{ what: 'the end of control', withinMs: 60_000, everyMs: 500 },
    });
    equal(await ask(context, 3000), '504 deadline_exceeded');
    const waiting = ask(context);
    await kube.kubectl(['scale', control, '--replicas=2']);
    equal(await waiting, 'ok');
    figure('without control', '504 in its deadline; answered once control is back');
  },
};

/** One prediction. @param deadlineMs that the caller grants */
async function ask(context: Context, deadlineMs = DEADLINE_MS): Promise<string> {
  const client = context.client('http2');
  try {
    const headers = { 'x-headgate-timeout-ms': String(deadlineMs) };
    return await predictOnce(client, {
      key: context.key,
      perSecond: 0,
      timeoutMs: DEADLINE_MS + 5000,
      headers,
    });
  } finally {
    client.close();
  }
}

/** Many predictions at once, while no pod is there. */
async function burst(context: Context): Promise<string[]> {
  const client = context.client('http2');
  const options = { key: context.key, perSecond: 0, timeoutMs: DEADLINE_MS + 5000 };
  const results = Promise.all(Array.from({ length: BURST }, () => predictOnce(client, options)));
  const parked = async () => {
    const waiting = (await pagesOf(context, 'gateway')).map((page) => total(page, METRIC.parkedRequests));
    return waiting.reduce((sum, one) => sum + one, 0) === BURST;
  };
  await eventually(parked, { what: `${BURST} requests that wait`, withinMs: 10_000, everyMs: 50 });
  return results.finally(() => client.close());
}

/** Waits until the pool has no pod. @returns how long that took */
async function noPod({ kube, progress }: Context): Promise<string> {
  progress('waiting for the pool to end');
  const startMs = performance.now();
  const none = async () => (await kube.pods('inference')).length === 0;
  await eventually(none, { what: 'the end of the pool', withinMs: 90_000, everyMs: 250 });
  // Pods that end answer for as long as they drain.
  const gone = async () => (await kube.get<{ items: [] }>('pods', '-l', LABEL)).items.length === 0;
  await eventually(gone, { what: 'the end of its pods', withinMs: 60_000, everyMs: 250 });
  return secondsSince(startMs);
}

const LABEL = 'app.kubernetes.io/component=inference';

async function pagesOf({ kube, host }: Context, component: keyof typeof PORTS): Promise<Sample[][]> {
  const pods = await kube.readyPods(component);
  return Promise.all(pods.map((pod) => host.metrics(pod, PORTS[component])));
}

type Stages = Record<(typeof STAGES)[number], number>;

/** Seconds of all cold starts by stage, and how many there were. */
async function coldStarts(context: Context): Promise<Stages & { count: number }> {
  const pages = await pagesOf(context, 'control');
  const sum = (name: string, stage: string) =>
    pages.reduce((all, page) => all + total(page, `${METRIC.coldStart}_${name}`, { stage }), 0);
  ok(pages.length > 0, 'no control is ready');
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, sum('sum', stage)])) as Stages;
  return { ...stages, count: sum('count', 'answer') };
}
