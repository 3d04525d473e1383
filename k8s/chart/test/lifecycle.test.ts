import { loadConfig } from '@headgate/runtime/load-config';
import { tempDir } from '@headgate/testkit/folders';
import { beforeAll, describe, expect, it } from 'vitest';
import { find, type KubernetesObject, ofKind, render } from './render.ts';

const ENABLED = { 'mlflow.enabled': true, 'airflow.enabled': true };

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly command: readonly string[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

const podOf = (objects: readonly KubernetesObject[], part: string) =>
  find(objects, ['mlflow', 'airflow'].includes(part) ? 'StatefulSet' : 'Deployment', `headgate-${part}`).spec
    .template.spec;
const containersOf = (objects: readonly KubernetesObject[], part: string): Container[] => {
  const { initContainers = [], containers } = podOf(objects, part);
  return [...initContainers, ...containers];
};
const variable = ({ env = [] }: Partial<Container> = {}, name: string) =>
  env.find((one) => one.name === name);

describe('with MLflow and Airflow', () => {
  let objects: readonly KubernetesObject[];
  beforeAll(async () => {
    objects = await render('production', ENABLED);
  });

  it.each(['inference', 'control'])('%s follows MLflow, which takes requests for that name', (part) => {
    const [main] = podOf(objects, part).containers as Container[];
    const { data = {} } = find(objects, 'ConfigMap', 'headgate-config');
    const env = Object.fromEntries(
      (main?.env ?? []).flatMap(({ name, value }) =>
        value && /REGISTRY__/.test(name) ? [[name, value]] : [],
      ),
    );
    const { registry } = loadConfig({ dir: tempDir(data), environment: 'production', env });
    const [mlflow] = podOf(objects, 'mlflow').containers as Container[];
    const allowed = variable(mlflow, 'MLFLOW_SERVER_ALLOWED_HOSTS')?.value?.split(',');
    expect(registry.url).toMatch(/^http:/);
    expect(allowed).toContain(new URL(registry.url).host);
  });

  it('keeps versions of MLflow in a volume that outlives the container', () => {
    const { containers, volumes } = podOf(objects, 'inference');
    const { data = {} } = find(objects, 'ConfigMap', 'headgate-config');
    const { registry } = loadConfig({ dir: tempDir(data), environment: 'production', env: {} });
    const mount = (containers as Container[])[0]?.volumeMounts.find(
      ({ mountPath }) => mountPath === `/headgate/${registry.cache_dir}`,
    );
    const volume = volumes.find(({ name }: { name: string }) => name === mount?.name);
    expect(volume.emptyDir).toEqual({ sizeLimit: '2Gi' });
  });

  it('gives the API keys to the container that runs the commands alone', () => {
    const holders = ['mlflow', 'airflow'].flatMap((part) =>
      containersOf(objects, part).filter(({ volumeMounts }) =>
        volumeMounts.some(({ name }) => name === 'pipelines'),
      ),
    );
    expect(holders.map(({ name }) => name)).toEqual(['scheduler']);
  });

  it('hands a key that signs versions over where the Secret has one', () => {
    const { volumes } = podOf(objects, 'airflow');
    const { projected } = volumes.find(({ name }: { name: string }) => name === 'pipelines');
    const signing = { items: [{ key: 'sign.key', path: 'sign.key' }], name: 'headgate-pipelines' };
    expect(projected.sources).toContainEqual({ secret: { ...signing, optional: true } });
  });

  it('has addresses and passwords of databases in no command', () => {
    for (const part of ['mlflow', 'airflow']) {
      const all = containersOf(objects, part);
      expect(JSON.stringify(all.map(({ command }) => command))).not.toMatch(/URL|postgres/);
      const url = variable(all[0], 'HEADGATE_PIPELINES_DATABASE_URL');
      expect(url?.valueFrom).toEqual({ secretKeyRef: { name: `headgate-${part}`, key: 'url' } });
    }
  });

  it('calls Envoy by its Service, and checks the certificate for the public name', () => {
    const scheduler = containersOf(objects, 'airflow').find(({ name }) => name === 'scheduler');
    expect(variable(scheduler, 'HEADGATE_PIPELINES_GATEWAY_NAME')?.value).toBe('api.acme.org');
    const url = new URL(variable(scheduler, 'HEADGATE_PIPELINES_GATEWAY_URL')?.value ?? '');
    find(objects, 'Service', url.hostname.split('.')[0] ?? '');
  });
});

it('has no part of the lifecycle unless it is enabled', async () => {
  const objects = await render('production');
  expect(ofKind(objects, 'StatefulSet')).toEqual([]);
  expect(JSON.stringify(objects)).not.toMatch(/mlflow|airflow|HEADGATE_REGISTRY/);
});

it('follows the registry of another release, which lets that one in', async () => {
  const url = 'http://headgate-mlflow.headgate.svc.cluster.local:5000';
  const namespace = { matchLabels: { 'kubernetes.io/metadata.name': 'headgate-staging' } };
  const second = await render('staging', { 'mlflow.url': url });
  for (const part of ['inference', 'control']) {
    const [main] = podOf(second, part).containers as Container[];
    expect(variable(main, 'HEADGATE_REGISTRY__URL')?.value).toBe(url);
  }
  expect(podOf(second, 'inference').volumes).toContainEqual(
    expect.objectContaining({ name: 'models-cache', emptyDir: expect.anything() }),
  );
  const egress = find(second, 'NetworkPolicy', 'headgate-to-other-mlflow').spec;
  expect(egress.podSelector.matchExpressions[0].values).toEqual(['inference', 'control']);
  expect(egress.egress[0].ports.map(({ port }: { port: number }) => port)).toContain(5000);

  const peers = [{ namespaceSelector: namespace }];
  const first = await render('production', { ...ENABLED, 'networkPolicies.mlflow.from': peers });
  const { ingress } = find(first, 'NetworkPolicy', 'headgate-releases-to-mlflow').spec;
  expect(ingress).toEqual([{ from: peers, ports: [{ protocol: 'TCP', port: 5000 }] }]);
});

it('refuses Airflow without MLflow', async () => {
  await expect(render('production', { 'airflow.enabled': true })).rejects.toThrow('needs mlflow.enabled');
});

it('needs no claim for files that are in S3, but its keys', async () => {
  const objects = await render('production', {
    ...ENABLED,
    's3.enabled': true,
    's3.endpoint': 'https://minio.acme.org',
    'mlflow.artifacts': 's3://models/mlflow',
  });
  expect(find(objects, 'StatefulSet', 'headgate-mlflow').spec).not.toHaveProperty('volumeClaimTemplates');
  const [mlflow] = podOf(objects, 'mlflow').containers as Container[];
  expect(variable(mlflow, 'MLFLOW_ARTIFACTS_DESTINATION')?.value).toBe('s3://models/mlflow');
  expect(variable(mlflow, 'AWS_ENDPOINT_URL')?.value).toBe('https://minio.acme.org');
  const key = { secretKeyRef: { name: 'headgate-s3', key: 'AWS_SECRET_ACCESS_KEY' } };
  expect(variable(mlflow, 'AWS_SECRET_ACCESS_KEY')?.valueFrom).toEqual(key);
});

it('takes the password of the bundled PostgreSQL', async () => {
  const objects = await render('dev', ENABLED);
  for (const part of ['mlflow', 'airflow']) {
    const [database] = containersOf(objects, part);
    expect(variable(database, 'HEADGATE_PIPELINES_DATABASE_URL')?.value).toMatch(
      `@headgate-postgres:5432/${part}`,
    );
    const key = { secretKeyRef: { name: 'headgate-postgres', key: 'password' } };
    expect(variable(database, 'PGPASSWORD')?.valueFrom).toEqual(key);
  }
});
