import { expect, it } from 'vitest';
import { undo } from './deploy.ts';
import { FakePrograms } from './fake-programs.ts';

const task = { progress: () => {}, done: () => {}, failed: () => {} };

/** @returns what was asked of helm and kubectl */
async function undone(state: Parameters<typeof undo>[1]['state'], revision: number): Promise<string[]> {
  const programs = new FakePrograms([[/helm history/, JSON.stringify([{ revision, status: 'failed' }])]]);
  const ui = { say: () => {}, begin: () => task };
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
