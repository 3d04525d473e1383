import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/setup/bootstrap.mjs';
import { ProgramError } from '../../run-program.ts';
import type { Kube } from '../kube.ts';
import { keepLooking } from '../looks.ts';
import type { Scenario } from '../scenario.ts';

const CHART = join(ROOT, 'k8s/chart');
/** An autoscaler that does not scale by itself on this small machine. */
const AUTOSCALED = [
  'enabled=true',
  'minReplicas=3',
  'maxReplicas=5',
  'cpuPercent=1000',
  'memoryPercent=1000',
].flatMap((one) => ['--set', `gateway.autoscaling.${one}`]);
/** No image: the registry does not know it. */
const BROKEN = `images.gateway.digest=sha256:${'0'.repeat(64)}`;
const WITHIN = { withinMs: 150_000 };

/** What Helm 4 does to fields that somebody else changes, and to an upgrade that fails. */
export const helmRules: Scenario = {
  name: 'helm-rules',
  title:
    'Upgrades leave autoscaled replicas and the routing table alone, and a failed one goes back by itself',
  withinMs: 420_000,
  async run({ kube, dir, release, load, deploy, figure, progress, cleanUp }) {
    const gateway = `${release}-gateway`;
    const upgrade = (...args: string[]) =>
      kube.helm(['upgrade', release, CHART, '--reuse-values', ...args], WITHIN);
    const before = join(dir, 'values-before.yaml');
    writeFileSync(before, await kube.helm(['get', 'values', release, '--output', 'yaml']));
    // Helm 4 takes replicas from the autoscaler only when told to.
    const back = ['upgrade', release, CHART, '--values', before, '--force-conflicts'];
    cleanUp((later) => later.helm(back, WITHIN));
    const running = load();
    await running.answered(40);

    progress('an autoscaler takes the replicas over');
    const fewest = watchReplicas(kube, gateway);
    cleanUp(fewest.looks.stop);
    await deploy(AUTOSCALED);
    await upgrade('--set', 'gateway.autoscaling.minReplicas=4');
    await kube.whenReady('gateway', 4, WITHIN);
    await kube.rolledOut(gateway);
    await fewest.looks.stop();
    fewest.looks.enough();
    figure('fewest replicas on the way', fewest.seen);
    ok(fewest.seen >= 3, `${fewest.seen} replicas while the autoscaler took over`);

    progress('somebody edits the routing table');
    await kube.kubectl(['annotate', 'configmap', `${release}-routing`, 'headgate/edited=yes', '--overwrite']);
    const edited = await routingOf(kube, release);
    await upgrade('--set', 'gateway.autoscaling.scaleDownWindowSeconds=240');
    equal(await replicasOf(kube, gateway), 4);
    deepEqual(await routingOf(kube, release), edited);

    progress('an image that does not exist');
    const pods = await podsOf(kube);
    const failing = upgrade('--set', BROKEN, '--rollback-on-failure', '--wait', '--timeout', '30s');
    await rejects(failing, (error) => error instanceof ProgramError && /rolled back/i.test(error.stderr));
    match(await kube.helm(['history', release, '--max', '1']), /Rollback to/);
    deepEqual(await podsOf(kube), pods, 'no gateway was replaced');
    deepEqual(await routingOf(kube, release), edited);
    await running.answered(40);
    await running.stop();
  },
};

const routingOf = async (kube: Kube, release: string) => {
  const { metadata, data } = await kube.get<ConfigMap>('configmap', `${release}-routing`);
  return { uid: metadata.uid, version: metadata.resourceVersion, data };
};

const replicasOf = async (kube: Kube, name: string) =>
  (await kube.get<{ spec: { replicas: number } }>('deployment', name)).spec.replicas;

const podsOf = async (kube: Kube) =>
  (await kube.readyPods('gateway')).map(({ metadata }) => metadata.name).sort();

/** The lowest number that a Deployment asks for, looked at twice a second. */
function watchReplicas(kube: Kube, name: string) {
  const watch = { seen: Number.POSITIVE_INFINITY, looks: keepLooking(look, 500) };
  async function look() {
    watch.seen = Math.min(watch.seen, await replicasOf(kube, name));
  }
  return watch;
}

interface ConfigMap {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
  readonly data: Readonly<Record<string, string>>;
}
