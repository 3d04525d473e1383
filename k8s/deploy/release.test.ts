import { expect, it } from 'vitest';
import { stateOf } from './release.ts';

const history = (...statuses: string[]) => statuses.map((status, i) => ({ revision: i + 1, status }));

it('knows the revision to go back to', () => {
  expect(stateOf([])).toBeUndefined();
  expect(stateOf(history('failed'))).toEqual({ status: 'failed', revision: 1, good: undefined });
  expect(stateOf(history('superseded', 'deployed', 'failed'))).toMatchObject({ revision: 3, good: 2 });
});

it('takes a release whose rollback failed for one that was deployed: it must not be removed', () => {
  expect(stateOf(history('superseded', 'superseded', 'failed', 'failed'))?.good).toBe(2);
});
