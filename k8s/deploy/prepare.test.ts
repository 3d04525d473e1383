import { expect, it } from 'vitest';
import { render } from '../chart/test/render.ts';
import { DeployError } from './errors.ts';
import { FakePrograms } from './fake-programs.ts';
import type { Options } from './options.ts';
import { ensureNamespace, makeSecret, planSecrets } from './prepare.ts';

const empty = () => new FakePrograms([[/get secrets/, '{"items": []}']]);

it('names the Secrets of an external Redis and PostgreSQL, and the way without them', async () => {
  const planned = planSecrets(empty(), await render('staging'), 'staging');
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
  const missing = await planSecrets(empty(), objects, 'staging');
  expect(missing.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['headgate-postgres', 'headgate-redis']),
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
