import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { ROOT } from '@headgate/testkit/root';
import { expect, it } from 'vitest';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { deploy, undo } from './deploy.ts';
import { FakePrograms, failure } from './fake-programs.ts';
import { parseOptions } from './options.ts';

const task = { progress: () => {}, done: () => {}, failed: () => {} };

const ui = { say: () => {}, begin: () => task };

/** @returns what was asked of helm and kubectl */
async function undone(state: Parameters<typeof undo>[1]['state'], revision: number): Promise<string[]> {
  const programs = new FakePrograms([[/helm history/, JSON.stringify([{ revision, status: 'failed' }])]]);
  await undo({ programs, ui }, { state }, [{ kind: 'secret', name: 'headgate-internal' }]);
  return programs.calls.filter((call) => !call.startsWith('helm history')).map((call) => call.slice(0, 36));
}

it('goes back to the good revision', async () => {
  const [call, ...others] = await undone({ status: 'deployed', revision: 4, good: 4 }, 5);
  expect(call).toContain('helm rollback headgate 4');
  expect(others).toEqual([]);
});

it('removes a first deployment with what it made', async () => {
  expect(await undone(undefined, 1)).toEqual([
    expect.stringContaining('helm uninstall headgate'),
    expect.stringContaining('kubectl delete secret headgate-inter'),
  ]);
});

it('leaves an installation that served before it', async () => {
  expect(await undone({ status: 'failed', revision: 1, good: undefined }, 2)).toEqual([]);
});

const config = {
  'current-context': 'test',
  clusters: [{ cluster: { server: 'https://10.0.0.1' } }],
};

it('keeps a first deployment that it cannot reach', async () => {
  const programs = new FakePrograms([
    [/config view/, JSON.stringify(config)],
    [/helm history/, failure('release: not found')],
    [/--dry-run=server/, JSON.stringify({ manifest: '' })],
    [/--ignore-not-found/, ''],
    [/kubectl get /, '{"items": []}'],
  ]);
  const images = join(tempDir({ 'images.yaml': '{}' }), 'images.yaml');
  const photo = 'samples/digit-7.png';
  const options = parseOptions(['--env', 'staging', '--yes', '--images', images, '--photo', photo]);
  const { signal } = new AbortController();
  const run = { root: ROOT, options, programs, guard: createGuard(), signal, ui };
  await expect(deploy(run)).rejects.toMatchObject({
    exitCode: 4,
    message: expect.stringContaining('it is deployed, and could not be verified: Envoy does not answer'),
  });
  expect(programs.calls.some((call) => call.startsWith('helm upgrade'))).toBe(true);
  expect(programs.calls.filter((call) => /uninstall|rollback|delete/.test(call))).toEqual([]);
});
