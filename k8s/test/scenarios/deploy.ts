import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { CommandError } from '../../../scripts/setup/command.mjs';
import type { Kube, Pod } from '../kube.ts';
import { copyImage } from '../registry.ts';
import type { Scenario } from '../scenario.ts';

/** Answers before and after a change, so that its begin and its end lie within the load. */
const MARGIN = 60;
/** Everything that a deployment makes; events, leases and what the controllers of Kubernetes write are no part of it. */
const KINDS =
  'deployments,statefulsets,replicasets,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,jobs';

interface Listed {
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
  }[];
}

/** Resource version of each object, by kind and name: it changes with every write. */
async function versionsOf(kube: Kube): Promise<Record<string, string>> {
  const { items } = await kube.get<Listed>(KINDS);
  return Object.fromEntries(
    items.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.resourceVersion]),
  );
}

async function endingPods(kube: Kube): Promise<number> {
  const { items } = await kube.get<{ items: Pod[] }>('pods');
  return items.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).length;
}

/** The program is run again with the same values. */
export const deployAgain: Scenario = {
  name: 'deploy-again',
  title: 'A second deployment of the same values changes no object',
  withinMs: 240_000,
  async run({ kube, deploy, figure }) {
    await deploy();
    await eventually(async () => (await endingPods(kube)) === 0, {
      what: 'the end of old pods',
      withinMs: 90_000,
    });
    const before = await versionsOf(kube);
    const startMs = performance.now();
    const said = await deploy();
    figure('took', secondsSince(startMs));
    match(said, /nothing to change/);
    deepEqual(await versionsOf(kube), before);
    figure('objects', Object.keys(before).length);
  },
};

/** An empty namespace, one pod of each part. */
export const deployFresh: Scenario = {
  name: 'deploy-fresh',
  title: 'The first deployment makes what it needs and classifies a photo; undeploy --all leaves nothing',
  withinMs: 300_000,
  async run({ kube, deploy, figure, cleanUp }) {
    const namespace = `${kube.namespace}-fresh-${randomBytes(2).toString('hex')}`;
    cleanUp((later) =>
      later.kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--wait=false']),
    );
    const parts = ['gateway', 'inference', 'envoy', 'control'];
    const single = parts.flatMap((part) => ['--set', `${part}.replicas=1`]);
    const there = ['--namespace', namespace, '--key-file', ''];
    const startMs = performance.now();
    const said = await deploy([...there, ...single]);
    figure('deployed in', secondsSince(startMs));
    match(said, /digit-7\.png is 7/);
    match(said, /each where its unit belongs/);
    await deploy([...there, 'undeploy', '--all']);
    equal(await kube.kubectl(['get', 'namespace', namespace, '--ignore-not-found']), '');
  },
};

const imageOf = async (kube: Kube, component: string) => {
  const jsonpath = 'jsonpath={.spec.template.spec.containers[0].image}';
  return kube.kubectl(['get', 'deployment', `headgate-${component}`, '-o', jsonpath]);
};

/** The image of control as a digest of the gateway's repository: it is there, and its process ends at once. */
const brokenGateway = async (kube: Kube) =>
  copyImage(await imageOf(kube, 'control'), 'headgate/gateway', 'broken');

/** An image that never becomes ready. */
export const deployBroken: Scenario = {
  name: 'deploy-broken',
  title: 'A broken gateway image is rolled back by itself, and no request fails',
  withinMs: 300_000,
  async run({ kube, deploy, load, figure, progress }) {
    const before = await imageOf(kube, 'gateway');
    const digest = await brokenGateway(kube);
    const running = load();
    await running.answered(MARGIN);
    progress('deploying the broken image');
    const startMs = performance.now();
    const said = await failureOf(deploy(['--set', `images.gateway.digest=${digest}`]));
    figure('given up and rolled back in', secondsSince(startMs));
    match(said, /going back to revision/);
    match(said, /headgate-gateway-\S+: gateway ended with code 1/);
    equal(await imageOf(kube, 'gateway'), before);
    await kube.rolledOut('headgate-gateway');
    await running.answered(MARGIN);
    await running.stop();
  },
};

/** @returns what the failed deployment said */
export async function failureOf(deployment: Promise<string>): Promise<string> {
  let said = '';
  await rejects(deployment, (error) => {
    ok(error instanceof CommandError, `${error}`);
    said = error.tail.join('\n');
    return true;
  });
  return said;
}

/** A good image becomes that of all gateways, a broken one of none. */
export const canary: Scenario = {
  name: 'canary',
  title: 'A gateway image gets 10 % of the requests, then all; a broken one none; no request fails',
  withinMs: 540_000,
  async run({ kube, deploy, load, figure, progress, cleanUp }) {
    const before = await imageOf(kube, 'gateway');
    const good = await copyImage(before, 'headgate/gateway', 'canary');
    const running = load();
    await running.answered(MARGIN);

    progress('a broken canary');
    const brokenMs = performance.now();
    const said = await failureOf(deploy(['--canary', `gateway=${await brokenGateway(kube)}`]));
    figure('broken one given up in', secondsSince(brokenMs));
    match(said, /headgate-gateway-canary-\S+: gateway ended with code 1/);
    equal(await imageOf(kube, 'gateway'), before);

    progress('a good canary');
    cleanUp(() => deploy());
    const goodMs = performance.now();
    const report = await deploy(['--canary', `gateway=${good}`, '--canary-seconds', '30']);
    figure('good one everywhere in', secondsSince(goodMs));
    const [share = ''] = /[\d.]+ % of the requests/.exec(report) ?? [];
    figure('canary had', share);
    ok(Number.parseFloat(share) > 2 && Number.parseFloat(share) < 25, `a tenth is expected: ${share}`);
    equal((await imageOf(kube, 'gateway')).split('@')[1], good);
    equal((await kube.pods('gateway-canary')).length, 0);
    await running.answered(MARGIN);
    await running.stop();
  },
};
