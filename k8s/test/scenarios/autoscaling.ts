import { deepEqual, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { samplePhoto } from '@headgate/testkit/photos';
import { ROOT } from '@headgate/testkit/root';
import sharp from 'sharp';
import type { Kube } from '../kube.ts';
import { keepLooking } from '../looks.ts';
import type { Context, Scenario } from '../scenario.ts';

const MIN = 3;
const MAX = 20;
/** Twenty pods of 25 millicores at 70 % are a third of a core, of which idle pods use a third: each photo is 18 ms. */
const PER_SECOND = 14;
const PIXELS_ACROSS = 2000;
const UP_WITHIN_MS = 180_000;
const DOWN_WITHIN_MS = 240_000;
/** The load goes on for so long at the full number of pods. */
const STEADY_MS = 20_000;

/** The chart's autoscaler on metrics of metrics-server; all twenty pods are real. */
export const autoscaling: Scenario = {
  name: 'autoscaling',
  title:
    'Inference scales itself 3→20 under load and back to 3, by CPU, without flapping; downwards faster than the chart does',
  withinMs: 480_000,
  mayFail: 0.001,
  async run(context) {
    const { kube, release, load, figure, progress, cleanUp } = context;
    const name = `${release}-inference`;
    cleanUp(async (later) => {
      await later.kubectl(['delete', 'hpa', name, '--ignore-not-found']);
      await later.kubectl(['scale', `deployment/${name}`, `--replicas=${MIN}`]);
    });
    await kube.kubectl(['apply', '-f', '-'], { input: await chartAutoscaler(context) });
    await eventually(() => utilization(kube, name), {
      ...{ what: 'the autoscaler has a metric', withinMs: 60_000, everyMs: 1000 },
    });
    const history = watchReplicas(kube, name);
    const { bytes } = samplePhoto('digit-7.png');
    const photo = await sharp(bytes)
      .resize(PIXELS_ACROSS, PIXELS_ACROSS, { kernel: 'nearest' })
      .png()
      .toBuffer();
    try {
      progress(`${MIN}→${MAX}`);
      const upMs = performance.now();
      const running = load({ perSecond: PER_SECOND, photo });
      await kube.whenReady('inference', MAX, { withinMs: UP_WITHIN_MS });
      figure(`${MIN}→${MAX} ready`, secondsSince(upMs));
      await pause(STEADY_MS);
      const up = [...history.steps];
      await running.stop();
      progress(`${MAX}→${MIN}`);
      const downMs = performance.now();
      const down = async () => (await kube.readyPods('inference')).length === MIN;
      await eventually(down, { what: `${MIN} pods again`, withinMs: DOWN_WITHIN_MS, everyMs: 1000 });
      figure(`${MAX}→${MIN}`, secondsSince(downMs));
      figure('steps', history.steps.join('→'));
      history.looks.enough();
      deepEqual(
        up,
        up.toSorted((a, b) => a - b),
        'the number of pods never falls under load',
      );
      const fall = history.steps.slice(up.length - 1);
      deepEqual(
        fall,
        fall.toSorted((a, b) => b - a),
        'the number of pods never rises without load',
      );
    } finally {
      await history.looks.stop();
    }
  },
};

/** The object that the chart renders, with a shorter memory: five minutes and a quarter a minute are for real traffic. */
async function chartAutoscaler({ kube, release }: Context): Promise<string> {
  const chart = [join(ROOT, 'k8s/chart'), '-f', join(ROOT, 'k8s/test/values.yaml')];
  const set = [
    'images.registry=registry.acme.org',
    'inference.autoscaling.enabled=true',
    `inference.autoscaling.minReplicas=${MIN}`,
    `inference.autoscaling.maxReplicas=${MAX}`,
    'inference.autoscaling.scaleDownWindowSeconds=30',
  ].flatMap((value) => ['--set', value]);
  const only = ['--show-only', 'templates/autoscalers.yaml'];
  const text = await kube.helm(['template', release, ...chart, ...set, ...only]);
  const slow = 'value: 25, periodSeconds: 60';
  ok(text.includes(slow), 'the chart lets a quarter of the pods go each minute');
  return text.replace(slow, 'value: 50, periodSeconds: 15');
}

/** CPU of the pods in percent of their requests; undefined while there is none. */
async function utilization(kube: Kube, name: string): Promise<number | undefined> {
  const { status } = await kube.get<Autoscaler>('hpa', name);
  return status.currentMetrics?.find(({ resource }) => resource?.name === 'cpu')?.resource?.current
    .averageUtilization;
}

interface Autoscaler {
  readonly status: {
    readonly currentMetrics?: readonly {
      readonly resource?: {
        readonly name: string;
        readonly current: { readonly averageUtilization?: number };
      };
    }[];
  };
}

/** Every number of pods that the Deployment asked for, looked at each second. */
function watchReplicas(kube: Kube, name: string) {
  const steps: number[] = [];
  const look = async () => {
    const { spec } = await kube.get<{ spec: { replicas: number } }>('deployment', name);
    if (steps.at(-1) !== spec.replicas) steps.push(spec.replicas);
  };
  return { steps, looks: keepLooking(look, 1000) };
}
