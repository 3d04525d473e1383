import { expect, it } from 'vitest';
import { FakePrograms, failure } from './fake-programs.ts';
import { recover, rollback, stateOf, uninstall } from './release.ts';

const history = (...statuses: string[]) => statuses.map((status, i) => ({ revision: i + 1, status }));

it('knows the revision to go back to', () => {
  expect(stateOf([])).toBeUndefined();
  expect(stateOf(history('failed'))).toEqual({ status: 'failed', revision: 1, good: undefined });
  expect(stateOf(history('superseded', 'deployed', 'failed'))).toMatchObject({ revision: 3, good: 2 });
});

it('takes a release whose rollback failed for one that was deployed: it must not be removed', () => {
  expect(stateOf(history('superseded', 'superseded', 'failed', 'failed'))?.good).toBe(2);
});

const unfinished = { status: 'failed', revision: 1, good: undefined };
const gateway = (readyReplicas: number): [RegExp, string] => [
  /get deployment headgate-gateway/,
  JSON.stringify({ status: { readyReplicas } }),
];

it('upgrades a first installation that never finished and serves, and removes one that does not', async () => {
  const serving = new FakePrograms([gateway(3)]);
  expect(await recover(serving, unfinished, false)).toEqual(unfinished);
  expect(serving.calls.join('\n')).not.toContain('uninstall');
  const useless = new FakePrograms([gateway(0)]);
  expect(await recover(useless, unfinished, false)).toBeUndefined();
  expect(useless.calls.join('\n')).toContain('helm uninstall headgate');
});

it('goes on from the revision before one that was killed: Helm gives its number to the next', async () => {
  const programs = new FakePrograms();
  const killed = { status: 'pending-upgrade', revision: 7, good: 6 };
  expect(await recover(programs, killed, true)).toMatchObject({ revision: 6, good: 6 });
  expect(programs.calls).toEqual(['kubectl delete secret sh.helm.release.v1.headgate.v7']);
});

it('removes the failed migration with the release, which would end the next installation', async () => {
  const programs = new FakePrograms();
  await uninstall(programs);
  const selector = 'app.kubernetes.io/instance=headgate,app.kubernetes.io/component=migrate';
  expect(programs.calls[1]).toContain(`kubectl delete job,configmap,serviceaccount -l ${selector}`);
});

it('deletes records of revisions only when an object stands in the way of a rollback', async () => {
  const slow = new FakePrograms([[/helm rollback/, failure('took longer than 600 s')]]);
  await expect(rollback(slow, 1)).rejects.toThrow('took longer');
  expect(slow.calls).toEqual([expect.stringContaining('--timeout 9m')]); // as an upgrade
  const found = failure('original object HorizontalPodAutoscaler with the name "headgate-gateway" not found');
  const blocked = new FakePrograms([
    [/helm rollback/, found],
    [/helm history/, JSON.stringify([1, 2].map((revision) => ({ revision, status: 'failed' })))],
  ]);
  await expect(rollback(blocked, 1)).rejects.toThrow('not found');
  expect(blocked.calls).toContain('kubectl delete secret sh.helm.release.v1.headgate.v2');
});
