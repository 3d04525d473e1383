import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  CHART,
  COMPONENT,
  componentOf,
  ENVIRONMENTS,
  find,
  helm,
  type KubernetesObject,
  ofKind,
  render,
  type Settings,
  selects,
  valuesOf,
} from './render.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const PARTS = [
  ...['gateway', 'inference', 'inferenceGpu', 'control', 'envoy', 'models'],
  ...['pipelines', 'airflow', 'redis', 'postgres'],
];
const IMAGES = Object.fromEntries(PARTS.map((part) => [`images.${part}.digest`, DIGEST]));

/** What can be switched, each in the position that is not the default of production. */
const TOGGLES: Readonly<Record<string, Settings>> = {
  'nothing else': {},
  'no autoscaling': { 'gateway.autoscaling.enabled': false, 'inference.autoscaling.enabled': false },
  'devServices with volumes': { 'devServices.enabled': true, 'devServices.postgres.storage': '1Gi' },
  'the GPU pool alone': { 'inference.pools.gpu.enabled': true, 'inference.pools.default.enabled': false },
  'a serverless pool': { 'inference.pools.spare': { enabled: true, serverless: { model: 'big' } } },
  'MLflow and Airflow': { 'mlflow.enabled': true, 'airflow.enabled': true, 's3.enabled': true },
  'a canary': { 'gateway.canary.enabled': true, 'gateway.canary.image.digest': `sha256:${'b'.repeat(64)}` },
  'settings of one name': {
    settings: { HEADGATE_TELEMETRY__LOG_LEVEL: 'info', HEADGATE_GATEWAY__DRAIN__DELAY_MS: '1000' },
    secretSettings: { HEADGATE_TELEMETRY__LOG_LEVEL: { secret: 'levels', key: 'all' } },
    'inference.settings': { HEADGATE_TELEMETRY__LOG_LEVEL: 'debug' },
    'inference.pools.default.settings': { HEADGATE_TELEMETRY__LOG_LEVEL: 'trace' },
  },
  'external metrics': {
    'externalMetrics.enabled': true,
    'externalMetrics.caBundle': 'PEM',
    'inference.autoscaling.queueTimeMs': 50,
  },
  'cert-manager': {
    'certManager.public.enabled': true,
    'certManager.internal.enabled': true,
    'envoy.serverNames': ['api.acme.org'],
  },
  'without sidecar, migrations, policies and classes': {
    'audit.shipper': false,
    'migrate.enabled': false,
    'networkPolicies.enabled': false,
    'priorityClasses.create': false,
  },
};
const MATRIX = ENVIRONMENTS.flatMap((environment) =>
  Object.entries(TOGGLES).map(([what, settings]) => ({ environment, what, settings })),
);

const withPods = (objects: readonly KubernetesObject[]) =>
  ofKind(objects, 'Deployment', 'StatefulSet', 'Job');
// biome-ignore lint/suspicious/noExplicitAny: parts of a pod's specification
const containersOf = (pod: any): any[] => [...(pod.initContainers ?? []), ...pod.containers];
const nameOf = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`;

describe.each(MATRIX)('$environment with $what', ({ environment, settings }) => {
  let objects: readonly KubernetesObject[];

  beforeAll(async () => {
    objects = await render(environment, { ...IMAGES, ...settings });
  });

  it('names each object once', () => {
    const names = objects.map(nameOf);
    expect(names).toEqual([...new Set(names)]);
    expect(ofKind(objects, 'Secret')).toEqual([]);
  });

  it('restricts every pod and container', () => {
    for (const { spec } of withPods(objects)) {
      const pod = spec.template.spec;
      expect(pod.securityContext).toEqual({
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        fsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod).not.toHaveProperty('hostNetwork');
      expect(pod.volumes.some((volume: object) => 'hostPath' in volume)).toBe(false);
      for (const { securityContext } of containersOf(pod)) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  it('gives a token to one container of those parts that ask the API server, and Service variables to none', () => {
    const holders: string[] = [];
    for (const object of withPods(objects)) {
      const pod = object.spec.template.spec;
      expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      for (const { name, volumeMounts } of containersOf(pod)) {
        if (volumeMounts.some((mount: { name: string }) => mount.name === 'token')) holders.push(name);
      }
    }
    expect([...new Set(holders)].sort()).toEqual(['control', 'gateway', 'inference']);
    for (const account of ofKind(objects, 'ServiceAccount')) {
      expect(account.automountServiceAccountToken).toBe(false);
    }
  });

  it('sets each variable of a container once', () => {
    for (const object of withPods(objects)) {
      for (const { name, env = [] } of containersOf(object.spec.template.spec)) {
        const names = env.map((variable: { name: string }) => variable.name);
        expect(names, `${nameOf(object)}, ${name}`).toEqual([...new Set(names)]);
      }
    }
  });

  it('shows the internal secret to those programs that check or send it', () => {
    const holders = withPods(objects)
      .flatMap(({ spec }) => containersOf(spec.template.spec))
      .filter(({ volumeMounts }) =>
        volumeMounts.some((mount: { name: string }) => mount.name === 'internal'),
      );
    const names = new Set(holders.map(({ name }) => name));
    expect([...names].sort()).toEqual(['control', 'envoy', 'gateway', 'inference']);
  });

  it('takes every image by its digest', () => {
    for (const { spec } of withPods(objects)) {
      for (const { image } of containersOf(spec.template.spec)) {
        expect(image).toMatch(
          /^(registry\.acme\.org\/headgate|docker\.io\/library)\/[a-z-]+@sha256:[0-9a-f]{64}$/,
        );
      }
    }
  });

  it('bounds what each container uses', () => {
    for (const { spec } of withPods(objects)) {
      for (const { resources } of containersOf(spec.template.spec)) {
        const amounts = { cpu: expect.anything(), memory: expect.anything() };
        expect(resources).toMatchObject({ requests: amounts, limits: amounts });
      }
      for (const volume of spec.template.spec.volumes) {
        if (volume.emptyDir && spec.strategy) expect(volume.emptyDir.sizeLimit).toBeDefined();
      }
    }
  });

  it('replaces a pod of ours only once the next one is ready, except for GPUs, and spreads them', () => {
    const classes = ofKind(objects, 'PriorityClass').map(({ metadata }) => metadata.name);
    for (const { spec } of ofKind(objects, 'Deployment')) {
      const isGpu = spec.template.metadata.labels['headgate/pool'] === 'gpu';
      const oneByOne = isGpu ? { maxSurge: 0, maxUnavailable: 1 } : { maxSurge: '25%', maxUnavailable: 0 };
      expect(spec.strategy.rollingUpdate).toEqual(oneByOne);
      const pod = spec.template.spec;
      const [main] = pod.containers;
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
        expect(main).toHaveProperty(probe);
      const labels = spec.template.metadata.labels;
      expect(selects(spec.selector, labels)).toBe(true);
      const zones = ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'];
      expect(pod.topologySpreadConstraints.map((one: { topologyKey: string }) => one.topologyKey)).toEqual(
        zones,
      );
      for (const { labelSelector } of pod.topologySpreadConstraints)
        expect(selects(labelSelector, labels)).toBe(true);
      if (classes.length > 0) expect(classes).toContain(pod.priorityClassName);
      else expect(pod.priorityClassName).toBeUndefined();
    }
  });

  it('leaves the number of pods to what scales them', () => {
    const scaled = ofKind(objects, 'HorizontalPodAutoscaler').map(({ spec }) => spec.scaleTargetRef.name);
    for (const target of scaled) find(objects, 'Deployment', target);
    for (const { metadata, spec } of ofKind(objects, 'Deployment')) {
      const isElsewhere = scaled.includes(metadata.name) || metadata.name.endsWith('-spare');
      expect([metadata.name, 'replicas' in spec]).toEqual([metadata.name, !isElsewhere]);
    }
  });

  it('has a budget of disruption for each part, and Services that find their pods', () => {
    const pods = withPods(objects).map(({ spec }) => spec.template.metadata.labels);
    const budgets = ofKind(objects, 'PodDisruptionBudget');
    for (const part of ['envoy', 'gateway', 'inference', 'control']) {
      const own = budgets.filter(({ spec }) => selects(spec.selector, { ...pods[0], [COMPONENT]: part }));
      expect(own.map(({ spec }) => spec.maxUnavailable)).toEqual([1]);
    }
    const idle = ['headgate-gateway-canary', 'headgate-acme-solver'];
    for (const { metadata, spec } of ofKind(objects, 'Service')) {
      const found = withPods(objects).filter(({ spec: { template } }) =>
        selects({ matchLabels: spec.selector }, template.metadata.labels),
      );
      if (found.length === 0) expect(idle).toContain(metadata.name);
      for (const {
        spec: { template },
      } of found) {
        const ports = template.spec.containers[0].ports.map(({ name }: { name: string }) => name);
        for (const { targetPort } of spec.ports) expect(ports).toContain(targetPort);
      }
    }
  });
});

it.each([
  ['production', {}, 35, 30],
  ['production', { dnsTtlSeconds: 5 }, 10, 30],
  ['production', { 'envoy.service.type': 'ClusterIP' }, 35, undefined],
] as const)(
  'ends an old pod once callers know the new one, in %s with %j',
  async (name, settings, dns, balancer) => {
    const objects = await render(name, settings);
    const secondsOf = (part: string) => find(objects, 'Deployment', `headgate-${part}`).spec.minReadySeconds;
    const found = ['gateway', 'inference', 'envoy', 'control'].map(secondsOf);
    expect(found).toEqual([dns, dns, balancer, undefined]);
  },
);

it('leaves memory out of an autoscaler on request', async () => {
  const without = { 'gateway.autoscaling.memoryPercent': null, 'inference.autoscaling.memoryPercent': null };
  for (const { spec } of ofKind(await render('production', without), 'HorizontalPodAutoscaler')) {
    const names = spec.metrics.map((one: { resource: { name: string } }) => one.resource.name);
    expect(names).toEqual(['cpu']);
  }
});

it('scales out at once and in slowly, by processor and memory', async () => {
  const [gateway, inference] = ofKind(await render('production'), 'HorizontalPodAutoscaler');
  for (const { spec } of [gateway, inference] as KubernetesObject[]) {
    expect(spec).toMatchObject({ minReplicas: 3, maxReplicas: 20 });
    expect(spec.metrics.map((one: { resource: object }) => one.resource)).toEqual([
      { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
      { name: 'memory', target: { type: 'Utilization', averageUtilization: 80 } },
    ]);
    expect(spec.behavior.scaleUp.stabilizationWindowSeconds).toBe(0);
    expect(spec.behavior.scaleDown.stabilizationWindowSeconds).toBe(300);
  }
});

it('tells every part which model has a pool of its own, and that pool alone to serve it', async () => {
  const serverless = { model: 'big', idleSeconds: 60 };
  const objects = await render('production', { 'inference.pools.spare': { enabled: true, serverless } });
  const envOf = ({ spec }: KubernetesObject) =>
    new Map(
      spec.template.spec.containers[0].env.map((one: { name: string; value?: string }) => [
        one.name,
        one.value,
      ]),
    );
  const said = JSON.stringify({ big: { deployment: 'headgate-inference-spare', idle_s: 60 } });
  for (const deployment of ofKind(objects, 'Deployment')) {
    const isSpare = deployment.metadata.name === 'headgate-inference-spare';
    const env = envOf(deployment);
    expect([env.get('HEADGATE_SERVERLESS'), env.get('HEADGATE_INFERENCE__SERVES')]).toEqual([
      said,
      isSpare ? '["big"]' : undefined,
    ]);
    if (isSpare) expect(deployment.spec).not.toHaveProperty('replicas');
  }
});

it('starts no pod of the GPU pool on another processor', async () => {
  const gpu = { 'inference.pools.gpu.enabled': true, 'inference.pools.gpu.runtimeClassName': 'nvidia' };
  const objects = await render('production', { ...IMAGES, ...gpu });
  const { template } = find(objects, 'Deployment', 'headgate-inference-gpu').spec;
  const [main] = template.spec.containers;
  expect(main.image).toContain('headgate/inference-gpu@');
  expect(main.resources.limits['nvidia.com/gpu']).toBe(1);
  expect(main.env).toContainEqual({ name: 'HEADGATE_INFERENCE__EXECUTION__REQUIRE', value: 'cuda' });
  expect(template.spec.runtimeClassName).toBe('nvidia');
  expect(template.spec).not.toHaveProperty('nodeSelector');
  // The default pool has none of it.
  const plain = find(objects, 'Deployment', 'headgate-inference').spec.template.spec;
  expect(JSON.stringify(plain)).not.toMatch(/nvidia|cuda/);
});

it('serves a canary beside the others, by another image, under the same account', async () => {
  const image = { repository: 'headgate/gateway', digest: `sha256:${'b'.repeat(64)}` };
  const objects = await render('production', { ...IMAGES, 'gateway.canary': { enabled: true, image } });
  const canary = find(objects, 'Deployment', 'headgate-gateway-canary').spec;
  const stable = find(objects, 'Deployment', 'headgate-gateway').spec;
  expect(canary.replicas).toBe(1);
  expect(canary.template.spec.containers[0].image).toContain('sha256:bbb');
  expect(stable.template.spec.containers[0].image).toContain('sha256:aaa');
  expect(canary.template.spec.containers[0].env).toEqual(stable.template.spec.containers[0].env);
  expect(canary.template.spec.serviceAccountName).toBe('headgate-gateway');
  expect(selects(stable.selector, canary.template.metadata.labels)).toBe(false);
});

it("takes a canary from the operator's own repository", async () => {
  const objects = await render('production', {
    'images.gateway.repository': 'mirror.acme.org/ml/gateway',
    'gateway.canary.enabled': true,
    'gateway.canary.image.digest': DIGEST,
  });
  const { template } = find(objects, 'Deployment', 'headgate-gateway-canary').spec;
  expect(template.spec.containers[0].image).toBe(`mirror.acme.org/ml/gateway@${DIGEST}`);
});

it.each([
  ['NodePort', 30443],
  ['ClusterIP', undefined],
])('a Service %s has %s as its fixed port', async (type, port) => {
  const settings = { 'envoy.service.type': type, 'envoy.service.httpsNodePort': 30443 };
  const { ports } = find(await render('production', settings), 'Service', 'headgate-envoy').spec;
  expect(ports[0].nodePort).toBe(port);
});

it('makes the routing table by a hook that a release never owns', async () => {
  const routing = find(await render('staging'), 'ConfigMap', 'headgate-routing');
  expect(routing.metadata.annotations).toMatchObject({
    'helm.sh/hook': 'pre-install',
    'helm.sh/resource-policy': 'keep',
  });
  // The default policy would delete the object that people have edited.
  expect(routing.metadata.annotations?.['helm.sh/hook-delete-policy']).not.toContain('before-hook-creation');
});

it.each([
  ['in production', valuesOf('production')],
  ['by an upgrade', [...valuesOf('staging'), '--is-upgrade']],
  ['with the values of the chart alone', ['--set', 'envoy.serverNames={a.org},images.registry=b.org']],
])('makes no routing table %s', async (_when, args) => {
  const text = await helm(['template', 'headgate', CHART, '--namespace', 'shop', ...args]);
  expect(text).not.toMatch(/kind: ConfigMap\nmetadata:\n {2}name: headgate-routing/);
  expect(text).toMatch(/kind: ConfigMap\nmetadata:\n {2}name: headgate-config/);
});

it('gives Redis its password where no command shows it', async () => {
  const { template } = find(await render('dev'), 'StatefulSet', 'headgate-redis').spec;
  const [program, ...args] = template.spec.containers[0].command;
  // A Redis that prints what it gets.
  const bin = tempDir({ 'redis-server': '#!/bin/sh\necho "arguments: $@"\ncat\n' });
  chmodSync(join(bin, 'redis-server'), 0o755);
  const env = { PATH: `${bin}:${process.env.PATH}`, PASSWORD: 'a b' };
  const output = execFileSync(program, args, { env, encoding: 'utf8' });
  expect(output.split('\n')).toEqual(['arguments: -', 'requirepass "a b"', 'save ""', 'dir /data', '']);
});

it.each(['', 'letsencrypt'])('leads challenges to the solvers, with issuer %j', async (issuer) => {
  const objects = await render('production', {
    'certManager.public.enabled': true,
    'certManager.public.issuerRef.name': issuer,
  });
  find(objects, 'Service', 'headgate-acme-solver');
  for (const side of ['egress', 'ingress'])
    find(objects, 'NetworkPolicy', `headgate-envoy-to-acme-solver-${side}`);
  const { env } = find(objects, 'Deployment', 'headgate-envoy').spec.template.spec.containers[0];
  expect(env).toContainEqual({
    name: 'HEADGATE_ENVOY__ACME_CHALLENGE_TARGET',
    value: 'headgate-acme-solver.shop.svc.cluster.local:8089',
  });
  expect(ofKind(objects, 'Issuer')).toHaveLength(issuer === '' ? 1 : 0);
  const certificate = find(objects, 'Certificate', 'headgate-public').spec;
  expect(certificate.issuerRef.name).toBe(issuer || 'headgate-acme');
});

it('labels every object with the part that it belongs to', async () => {
  for (const object of await render('dev')) {
    expect(componentOf(object)).toMatch(/^[a-z-]+$/);
    expect(object.metadata.labels).toMatchObject({
      'app.kubernetes.io/name': 'headgate',
      'app.kubernetes.io/instance': 'headgate',
      'app.kubernetes.io/part-of': 'headgate',
    });
  }
});
