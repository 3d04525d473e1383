import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { type Listener, portOf } from '@headgate/contracts/names';
import { loadConfig } from '@headgate/runtime/load-config';
import { tempDir } from '@headgate/testkit/folders';
import { ROOT } from '@headgate/testkit/root';
import { beforeAll, describe, expect, it } from 'vitest';
import { ENVIRONMENTS, type Environment, find, type KubernetesObject, render } from './render.ts';

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string }; readonly secretKeyRef?: object };
}

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}

const PARTS = ['gateway', 'inference', 'control', 'envoy'] as const;
type Part = (typeof PARTS)[number];
/** The environment itself, and the number of gateways, which may be the default. */
const GIVEN = ['HEADGATE_ENV', 'HEADGATE_GATEWAY__RATE_LIMIT__ON_FAILURE__REPLICAS'];
const FIELDS: Readonly<Record<string, string>> = {
  'status.podIP': '10.244.1.5',
  'metadata.name': 'headgate-x-1',
};

/** What a container of the pod sees in its environment. */
function environmentOf(variables: readonly Variable[]): Record<string, string> {
  const entries = variables.map(({ name, value, valueFrom }) => {
    const field = valueFrom?.fieldRef && FIELDS[valueFrom.fieldRef.fieldPath];
    return [name, value ?? field ?? (valueFrom?.secretKeyRef && 'postgres://u:p@db.acme.org/headgate')];
  });
  return Object.fromEntries(entries);
}

const layerOf = (name: string) => readFileSync(join(ROOT, 'config', name), 'utf8');
const podOf = (objects: readonly KubernetesObject[], part: Part) =>
  find(objects, 'Deployment', `headgate-${part}`).spec.template.spec;

/** The part's configuration as its process loads it from the mounted layers. */
function configOf(
  objects: readonly KubernetesObject[],
  environment: Environment,
  env: Record<string, string>,
): Config {
  const { data = {} } = find(objects, 'ConfigMap', 'headgate-config');
  return loadConfig({ dir: tempDir(data), environment, env });
}

describe.each(ENVIRONMENTS)('in %s', (environment) => {
  let objects: readonly KubernetesObject[];
  beforeAll(async () => {
    objects = await render(environment);
  });

  it('mounts the layers of config/ byte for byte, and no others', () => {
    const { data } = find(objects, 'ConfigMap', 'headgate-config');
    const names = ['base.yaml', `${environment}.yaml`];
    expect(data).toEqual(Object.fromEntries(names.map((name) => [name, layerOf(name)])));
  });

  it.each(PARTS)('%s loads them, and each variable of its pod changes something', (part) => {
    const { containers } = podOf(objects, part);
    const env = environmentOf(containers[0].env);
    const config = configOf(objects, environment, env);
    for (const name of Object.keys(env).filter((one) => !GIVEN.includes(one))) {
      const { [name]: _removed, ...others } = env;
      const without = attempt(() => configOf(objects, environment, others));
      expect([name, JSON.stringify(without)]).not.toEqual([name, JSON.stringify(config)]);
    }
  });

  it.each(PARTS)('%s finds each file that its configuration names in a volume', (part) => {
    const { containers, volumes } = podOf(objects, part);
    const files = filesOf(part, configOf(objects, environment, environmentOf(containers[0].env)));
    const mounts: readonly Mount[] = containers[0].volumeMounts;
    for (const file of files.map((one) => join('/headgate', one))) {
      const mount = mounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
      const volume = volumes.find(({ name }: Mount) => name === mount?.name);
      const keys = volume?.secret?.items.map(({ key }: { key: string }) => key) ?? ['routing.yaml'];
      expect(keys, file).toContain(file.slice(`${mount?.mountPath}/`.length));
    }
  });

  it.each(PARTS)('%s has time to drain and to store what only its pod has before it is killed', (part) => {
    const pod = podOf(objects, part);
    const config = configOf(objects, environment, environmentOf(pod.containers[0].env));
    const { delay_ms, timeout_ms } = (part === 'inference' ? config.inference : config.gateway).drain;
    const shipping = pod.initContainers?.some(({ name }: Mount) => name === 'audit') ? 15_000 : 0;
    const drains = part === 'control' ? 0 : delay_ms + timeout_ms;
    // 5 s each for records, captures and spans.
    const rest = part === 'gateway' ? 15_000 : 0;
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(drains + rest + shipping);
  });

  it('gives parts the memory and disk that their configuration lets them use', () => {
    const limitOf = (part: Part) => bytesOf(podOf(objects, part).containers[0].resources.limits.memory);
    const stateOf = (part: Part) =>
      bytesOf(podOf(objects, part).volumes.find(({ name }: Mount) => name === 'state').emptyDir.sizeLimit);
    const env = environmentOf(podOf(objects, 'gateway').containers[0].env);
    const { gateway, envoy, records, audit } = configOf(objects, environment, env);
    expect(limitOf('gateway')).toBeGreaterThanOrEqual(3 * gateway.limits.held_bytes);
    expect(limitOf('envoy')).toBeGreaterThan(envoy.heap_bytes);
    expect(stateOf('gateway')).toBeGreaterThan(records.spool_bytes + audit.max_bytes);
    expect(stateOf('inference')).toBeGreaterThan(audit.max_bytes);
  });

  it('opens the ports that the parts listen on', () => {
    const listeners: Readonly<Record<Part, readonly Listener[]>> = {
      gateway: ['gateway', 'gatewayInternal'],
      inference: ['inferenceGrpc', 'inferenceInternal'],
      control: ['control'],
      envoy: ['httpRedirect', 'https', 'internalGrpcMtls', 'envoyInternal'],
    };
    for (const part of PARTS) {
      const ports = podOf(objects, part).containers[0].ports.map(
        (one: { containerPort: number }) => one.containerPort,
      );
      expect(ports).toEqual(expect.arrayContaining(listeners[part].map((name) => portOf(8440, name))));
    }
  });
});

it.each([
  [{}, 30_000],
  [{ 'envoy.service.type': 'NodePort' }, 10_000],
  [{ settings: { HEADGATE_GATEWAY__DRAIN__DELAY_MS: '2000' } }, 2000],
])('with %j Envoy serves on until its balancer has noticed', async (settings, delayMs) => {
  const objects = await render('production', settings);
  const { env, readinessProbe } = podOf(objects, 'envoy').containers[0];
  expect(configOf(objects, 'production', environmentOf(env)).gateway.drain.delay_ms).toBe(delayMs);
  // A node drops connections to a pod that ends and is not ready, and /ready says no as soon as the drain begins.
  expect(readinessProbe.tcpSocket).toEqual({ port: 'https' });
});

it.each([
  [{}, 12],
  [{ 'gateway.autoscaling.maxReplicas': 6 }, 5],
  [{ 'gateway.autoscaling.enabled': false, 'gateway.replicas': 4 }, 4],
  [{ settings: { HEADGATE_GATEWAY__RATE_LIMIT__ON_FAILURE__REPLICAS: '7' } }, 7],
])('with %j quotas without Redis are those of %i gateways', async (settings, replicas) => {
  const objects = await render('production', settings);
  const env = environmentOf(podOf(objects, 'gateway').containers[0].env);
  const { on_failure } = configOf(objects, 'production', env).gateway.rate_limit;
  expect(on_failure).toMatchObject({ replicas });
});

it('seeds the routing table from config/', async () => {
  const { data } = find(await render('staging'), 'ConfigMap', 'headgate-routing');
  expect(data).toEqual({ 'routing.yaml': layerOf('routing.yaml') });
});

it('takes further settings as variables, secret ones by reference', async () => {
  const objects = await render('staging', {
    settings: { HEADGATE_GATEWAY__DEADLINE__MAX_MS: '20000' },
    secretSettings: { HEADGATE_TELEMETRY__TRACING__AUTHORIZATION: { secret: 'tracing', key: 'token' } },
  });
  const { env } = podOf(objects, 'gateway').containers[0];
  expect(configOf(objects, 'staging', environmentOf(env)).gateway.deadline.max_ms).toBe(20_000);
  expect(env).toContainEqual({
    name: 'HEADGATE_TELEMETRY__TRACING__AUTHORIZATION',
    valueFrom: { secretKeyRef: { name: 'tracing', key: 'token' } },
  });
});

it('lets the most specific setting of a name hold', async () => {
  const level = (value: string) => ({ HEADGATE_TELEMETRY__LOG_LEVEL: value });
  const objects = await render('staging', {
    settings: { ...level('info'), HEADGATE_INFERENCE__EXECUTION__PROVIDERS: '["cpu"]' },
    secretSettings: { HEADGATE_TELEMETRY__LOG_LEVEL: { secret: 'levels', key: 'all' } },
    'inference.settings': level('debug'),
    'inference.pools.gpu.enabled': true,
    'inference.pools.gpu.settings.HEADGATE_TELEMETRY__LOG_LEVEL': 'trace',
  });
  const valuesOf = (name: string) =>
    ['gateway', 'inference', 'inference-gpu'].map((part) => {
      const { env } = find(objects, 'Deployment', `headgate-${part}`).spec.template.spec.containers[0];
      const found: Variable = env.find((one: Variable) => one.name === name);
      return found.value ?? found.valueFrom;
    });
  const secret = { secretKeyRef: { name: 'levels', key: 'all' } };
  expect(valuesOf('HEADGATE_TELEMETRY__LOG_LEVEL')).toEqual([secret, 'debug', 'trace']);
  expect(valuesOf('HEADGATE_INFERENCE__EXECUTION__PROVIDERS')).toEqual(['["cpu"]', '["cpu"]', '["cuda"]']);
});

const UNITS: Readonly<Record<string, number>> = { Mi: 2 ** 20, Gi: 2 ** 30 };

function bytesOf(quantity: string): number {
  const [, number = '', unit = ''] = /^(\d+)(\w+)$/.exec(quantity) ?? [];
  return Number(number) * (UNITS[unit] ?? Number.NaN);
}

function attempt(load: () => Config): unknown {
  try {
    return load();
  } catch (error) {
    return (error as Error).message;
  }
}

/** Files that a part reads, relative to its root. */
function filesOf(part: Part, { listen, routing_file, gateway, records, envoy }: Config): string[] {
  const { keys_file, rate_limit } = gateway;
  const own: Readonly<Record<Part, readonly string[]>> = {
    gateway: [routing_file, keys_file, rate_limit.redis.url_file, records.hash_key_file],
    inference: [routing_file],
    control: [keys_file],
    envoy: ['tls.crt', 'tls.key']
      .flatMap((name) => [join(envoy.tls_dir, name), join(envoy.internal_tls_dir, name)])
      .concat(join(envoy.internal_tls_dir, 'ca.crt')),
  };
  return [listen.internal_secret_file, ...own[part]];
}
