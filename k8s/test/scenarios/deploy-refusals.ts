import { equal, match, ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { secondsSince } from '@headgate/testkit/eventually';
import type { Kube, Pod } from '../kube.ts';
import type { Context, Scenario } from '../scenario.ts';
import { failureOf } from './deploy.ts';

/** The longest that a refusal may take: nothing is started. */
const REFUSED_WITHIN_S = 60;
const NOWHERE = `sha256:${'0'.repeat(64)}`;

/** What is wrong with a deployment, and what its message must name. */
const REFUSALS: readonly { readonly args: readonly string[]; readonly says: RegExp }[] = [
  { args: ['--set', 'gateway.replicas=three'], says: /gateway\.replicas: got string, want integer/ },
  { args: ['--set', 'gatway.replicas=3'], says: /gatway/ },
  {
    args: ['--set', `images.gateway.digest=${NOWHERE}`],
    says: /the registry does not have:\s+\S+headgate\/gateway@sha256:0000/,
  },
  { args: ['--context', 'nowhere'], says: /kubectl has no such context/ },
  {
    args: ['--env', 'production', '--namespace', 'hg-nowhere', '--dry-run'],
    says: /Secret headgate-internal with internal\.secret/,
  },
];

export const deployRefusals: Scenario = {
  name: 'deploy-refusals',
  title: 'What is wrong or missing is named before anything is changed',
  withinMs: 240_000,
  async run({ kube, deploy, figure, progress, cleanUp }) {
    const before = await revisionOf(kube);
    const startMs = performance.now();
    for (const { args, says } of REFUSALS) {
      progress(args.join(' '));
      match(await failureOf(deploy(args)), says);
    }
    const seconds = (performance.now() - startMs) / 1000 / REFUSALS.length;
    figure('seconds for each', seconds.toFixed(1));
    ok(seconds < REFUSED_WITHIN_S);
    progress('a field that somebody changed');
    const label = 'app.kubernetes.io/version';
    const { metadata } = await kube.get<Pod>('deployment', 'headgate-control');
    const setLabel = (by: Kube, value: string) =>
      by.kubectl(['label', '--overwrite', 'deployment', 'headgate-control', `${label}=${value}`]);
    cleanUp((later) => setLabel(later, metadata.labels[label] ?? ''));
    await setLabel(kube, 'by-hand');
    match(
      await failureOf(deploy()),
      /deployment\/headgate-control: somebody else has set \.metadata\.labels/,
    );
    equal(await revisionOf(kube), before);
    equal(await kube.kubectl(['get', 'namespace', 'hg-nowhere', '--ignore-not-found']), '');
  },
};

const revisionOf = async (kube: Kube): Promise<number> =>
  JSON.parse(await kube.helm(['history', 'headgate', '-o', 'json'])).at(-1).revision;

/** A namespace with room for two pods. */
export const deployQuota: Scenario = {
  name: 'deploy-quota',
  title: 'A first deployment above the quota says so, and takes away what it made',
  withinMs: 240_000,
  async run({ kube, deploy, figure, cleanUp }) {
    const namespace = `${kube.namespace}-quota-${randomBytes(2).toString('hex')}`;
    const there = kube.in(namespace);
    // Its pods may take a minute to end, which nothing waits for.
    cleanUp((later) => later.kubectl(['delete', 'namespace', namespace, '--wait=false']));
    await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await there.apply({
      ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'small' } },
      spec: { hard: { pods: '2' } },
    });
    const startMs = performance.now();
    const said = await failureOf(deploy(['--namespace', namespace]));
    figure('given up and removed in', secondsSince(startMs));
    match(said, /exceeded quota: small/);
    match(said, /raise the ResourceQuota/);
    const left = await there.get<{ items: { kind: string; metadata: { name: string } }[] }>(
      'deployments,statefulsets,services,secrets',
    );
    equal(left.items.map(({ kind, metadata }) => `${kind}/${metadata.name}`).join(), '');
  },
};

/** The routing table is deleted while Headgate serves. */
export const deployWithoutTable: Scenario = {
  name: 'deploy-table',
  title: 'A deleted routing table is not replaced by the seed, and no request fails',
  async run(context) {
    const { kube, release, deploy, load, cleanUp } = context;
    const name = `${release}-routing`;
    const { data } = await kube.get<{ data: Record<string, string> }>('configmap', name);
    const table = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
    cleanUp((later) => later.apply(table));
    const running = load();
    await running.answered(40);
    await kube.kubectl(['delete', 'configmap', name]);
    match(await failureOf(deploy(['--routing', ''])), new RegExp(`ConfigMap ${name} was deleted`));
    await running.answered(40);
    await running.stop();
  },
};

/** Ctrl-C in the middle, and the same again. */
export const deployInterrupted: Scenario = {
  name: 'deploy-interrupted',
  title: 'A deployment that is interrupted is finished by the next one, and no request fails',
  withinMs: 300_000,
  async run({ kube, deploy, load, figure, cleanUp }) {
    cleanUp(() => deploy());
    const running = load();
    await running.answered(40);
    const change = ['--set', 'control.terminationGracePeriodSeconds=31'];
    const stop = new AbortController();
    const before = await revisionOf(kube);
    const interrupted = failureOf(deploy(change, stop.signal));
    await whenRevision(kube, before + 1);
    stop.abort();
    await interrupted;
    equal(await statusOf(kube), 'failed');
    const startMs = performance.now();
    await deploy(change);
    figure('finished by the next one in', secondsSince(startMs));
    equal(await statusOf(kube), 'deployed');
    await running.answered(40);
    await running.stop();
  },
};

const statusOf = async (kube: Kube): Promise<string> =>
  JSON.parse(await kube.helm(['history', 'headgate', '-o', 'json'])).at(-1).status;

async function whenRevision(kube: Context['kube'], revision: number): Promise<void> {
  while ((await revisionOf(kube)) < revision);
}
