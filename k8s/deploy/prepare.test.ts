import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { render } from '../chart/test/render.ts';
import { DeployError } from './errors.ts';
import { FakePrograms } from './fake-programs.ts';
import { LOCAL_SECRETS } from './local-secrets.ts';
import type { Options } from './options.ts';
import { ensureNamespace, makeSecret, planSecrets } from './prepare.ts';

const empty = () => new FakePrograms([[/get secrets/, '{"items": []}']]);

it('names the Secrets of an external Redis and PostgreSQL, and the way without them', async () => {
  const planned = planSecrets(empty(), await render('staging'), 'staging', '/');
  const error = await planned.then(
    () => undefined,
    (problem: unknown) => problem,
  );
  expect(error).toBeInstanceOf(DeployError);
  const { message, remedy, exitCode } = error as DeployError;
  expect(message.split('\n').slice(1).sort()).toEqual([
    '  Secret headgate-postgres with url',
    '  Secret headgate-redis with url',
  ]);
  expect(remedy).toContain('--set devServices.enabled=true');
  expect(exitCode).toBe(3);
});

it('makes them for services of the release', async () => {
  const objects = await render('staging', { 'devServices.enabled': true });
  const missing = await planSecrets(empty(), objects, 'staging', '/');
  expect(missing.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['headgate-postgres', 'headgate-redis']),
  );
});

const LIFECYCLE = { 'devServices.enabled': true, 'mlflow.enabled': true, 'airflow.enabled': true };

it('makes the Secrets of Airflow and its tasks, those after the keys that they name', async () => {
  const missing = await planSecrets(empty(), await render('staging', LIFECYCLE), 'staging', '/');
  const roles = missing.map(({ role }) => role);
  expect(roles).toContain('airflow');
  expect(roles.indexOf('pipelines')).toBeGreaterThan(roles.indexOf('keys'));
});

it('gives the pipelines keys that are in force, and asks for others', async () => {
  const dir = tempDir();
  const objects = await render('staging', LIFECYCLE);
  const inForce = await LOCAL_SECRETS.keys({ host: 'h', dir });
  const planned = async (keys: string) => {
    const data = { 'keys.yaml': Buffer.from(keys).toString('base64') };
    const items = [{ metadata: { name: 'headgate-keys' }, data }];
    const programs = new FakePrograms([[/get secrets/, JSON.stringify({ items })]]);
    return (await planSecrets(programs, objects, 'staging', dir)).map(({ name }) => name);
  };
  expect(await planned(inForce['keys.yaml'] ?? '')).toContain('headgate-pipelines');
  await expect(planned('keys: []')).rejects.toThrow('Secret headgate-pipelines with admin.key, tester.key');
});

it('asks for the address of a database of Airflow outside', async () => {
  const objects = await render('staging', { ...LIFECYCLE, 'devServices.enabled': false });
  await expect(planSecrets(empty(), objects, 'staging', '/')).rejects.toThrow(
    /Secret headgate-airflow with .*url/,
  );
});

it('labels a Secret that it makes, so that undeploy knows it', async () => {
  const programs = empty();
  await makeSecret(programs, { name: 'headgate-internal', role: 'internal' }, { host: 'h', dir: '/' });
  expect(JSON.parse(programs.inputs[0] ?? '').metadata.labels).toEqual({
    'app.kubernetes.io/managed-by': 'headgate-deploy',
  });
});

it.each([
  [undefined, ['enforce', 'audit', 'warn']],
  [{ labels: {} }, ['audit', 'warn']],
])('refuses pods by Pod Security only in a namespace of its own: %j', async (existing, modes) => {
  const programs = new FakePrograms([[/namespace/, '']]);
  const options = { environment: 'staging', namespace: 'shop' } as Options;
  await ensureNamespace(programs, options, existing);
  const said = [...programs.inputs, ...programs.calls].join('\n');
  const found = [...said.matchAll(/pod-security\.kubernetes\.io\/(\w+)/g)].map(([, mode]) => mode);
  expect(found).toEqual(modes);
});
