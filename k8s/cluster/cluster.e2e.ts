import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterTools } from '../../scripts/setup/cluster-tools.ts';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { apply, kubectl } from './kubectl.ts';
import { NODES, RECORD_FILE } from './layout.ts';
import { PAUSE_IMAGE } from './node-config.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const MINUTES = 60_000;
const SYSCTLS = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'];
const sysctls = () => SYSCTLS.map((name) => readFileSync(join('/proc/sys', name), 'utf8'));

const cluster = async (...args: readonly string[]) =>
  (await promisify(execFile)(process.execPath, [MAIN, ...args])).stdout;

/** A pod that does nothing, on any node. */
const container = { name: 'idle', image: PAUSE_IMAGE, imagePullPolicy: 'Never' };

// There is one cluster on a machine: one that somebody uses is left alone.
describe.runIf(process.env.K8S_E2E === '1' && !existsSync(RECORD_FILE))('the cluster', () => {
  const before = sysctls();
  const guard = createGuard();
  let tools: Awaited<ReturnType<typeof clusterTools>>;
  const get = async (...args: readonly string[]) =>
    JSON.parse(await kubectl(tools, ['get', ...args, '-o', 'json']));

  beforeAll(async () => {
    tools = await clusterTools({ guard, signal: AbortSignal.timeout(MINUTES) });
    await cluster('up');
  }, 40 * MINUTES);
  afterAll(async () => {
    await cluster('down');
    await guard.close();
    expect(existsSync('/run/netns/kn0')).toBe(false);
    expect(sysctls()).toEqual(before);
  }, MINUTES);

  it('has three nodes in three zones, and takes up again what runs', async () => {
    const { items } = await get('nodes');
    const zones = items.map((node: { metadata: { labels: Record<string, string> } }) => [
      node.metadata.labels['kubernetes.io/hostname'],
      node.metadata.labels['topology.kubernetes.io/zone'],
    ]);
    expect(zones).toEqual(NODES.map(({ name, zone }) => [name, zone]));
    expect(await cluster('up')).toContain('runs already');
  });

  it('refuses pods below the Pod Security level of their namespace', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await apply(tools, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'strict', labels } }]);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'lax', namespace: 'strict' } };
    await expect(apply(tools, [{ ...pod, spec: { containers: [container] } }])).rejects.toThrow(
      'violates PodSecurity "restricted',
    );
  });

  it('binds a claim to a volume of the node', { timeout: MINUTES }, async () => {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    const mounted = { ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'writer', namespace: 'default' } };
    await apply(tools, [claim, { ...pod, spec: { containers: [mounted], volumes } }]);
    await kubectl(tools, ['wait', '--for=condition=Ready', 'pod/writer', '--timeout=50s']);
    expect((await get('pvc', 'data')).status.phase).toBe('Bound');
  });

  it('replaces the pods of a lost node within 30 s', { timeout: 3 * MINUTES }, async () => {
    const labels = { app: 'idle' };
    const onLast = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['kn2'] }] };
    const prefer = [{ weight: 100, preference: onLast }];
    const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: prefer } };
    const template = { metadata: { labels }, spec: { containers: [container], affinity } };
    const spec = { replicas: 1, selector: { matchLabels: labels }, template };
    const metadata = { name: 'idle', namespace: 'default' };
    await apply(tools, [{ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec }]);
    await kubectl(tools, ['rollout', 'status', 'deployment/idle', '--timeout=30s']);
    const nodesOf = async (): Promise<string[]> => {
      const ready = ['pods', '-l', 'app=idle', '--field-selector=status.phase=Running'];
      const { items } = await get(...ready);
      return items.map((pod: { spec: { nodeName: string } }) => pod.spec.nodeName);
    };
    expect(await nodesOf()).toEqual(['kn2']);
    await cluster('node-stop', 'kn2');
    const startMs = performance.now();
    await expect
      .poll(nodesOf, { timeout: 30_000, interval: 500 })
      .toContainEqual(expect.not.stringMatching('kn2'));
    console.log(`replaced after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
    await cluster('node-start', 'kn2');
    await kubectl(tools, ['wait', '--for=condition=Ready', 'node/kn2', '--timeout=60s']);
  });

  it('comes back after a crash of the control plane', { timeout: MINUTES }, async () => {
    await cluster('api-stop');
    await expect(get('nodes')).rejects.toThrow('refused');
    await cluster('api-start');
    expect((await get('nodes')).items).toHaveLength(NODES.length);
  });
});
