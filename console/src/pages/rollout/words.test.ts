import type { LiveVariant } from '@headgate/contracts/admin/api';
import { policySchema, type Rollout, type RolloutState, rolloutSchema } from '@headgate/contracts/rollout';
import { expect, it } from 'vitest';
import {
  formatMeasured,
  guardrailWords,
  inForceSentence,
  nextSentence,
  stateSentence,
  withChanges,
} from './words.ts';

const policy = policySchema.parse({
  steps: [{ weight: 10 }, { weight: 100, hold_s: 600, min_samples: 1, approval: 'manual' }],
  guardrails: [{ metric: 'error_rate' }],
});

const RUNNING: RolloutState = { kind: 'running', step: 0, since_ms: 0, waits_for: 'requests' };

const inState = (state: RolloutState): Rollout =>
  rolloutSchema.parse({
    ...{ schema: 1, id: 'r-1', model: 'digits', policy, state, weight: 10, written: null },
    control: { variant: 'v1', version: '1' },
    candidate: { variant: 'v2', version: '2' },
    ...{ started_at_ms: 0, started_by: 'key:k', evidence: [] },
    transitions: [{ at_ms: 0, to: RUNNING, weight: 10, by: 'control', evidence: [] }],
  });

const noon = new Date(2030, 0, 1, 12).getTime();
const at = { since_ms: noon };

it.each<[RolloutState, string, string | undefined]>([
  [
    { kind: 'preparing', ...at, waits_for: 'version 2 is not ready on gateway a' },
    'Version 2 gets no units yet: version 2 is not ready on gateway a. The rollout has waited since 12:00:00; it is rolled back at 12:10:00 if that stays so.',
    'Next: 10\u202f% of the units, for at least 60\u202fs and 100 requests.',
  ],
  [
    { kind: 'running', step: 0, ...at, waits_for: 'the end of its 60 s, in 56 s' },
    'Step 1 of 2: version 2 gets 10\u202f% of the units. The step waits for the end of its 60 s, in 56 s.',
    'Next: 100\u202f% of the units, for at least 10\u202fmin and 1 request.',
  ],
  [
    { kind: 'awaiting_approval', step: 1, ...at },
    'Step 2 of 2 has been complete since 12:00:00: version 2 gets 10\u202f% of the units, and a person must promote it.',
    'Next: version 2 gets all units and becomes the control.',
  ],
  [
    { kind: 'paused', step: 1, ...at, by: 'key:k', why: '' },
    'Paused at 12:00:00 by key:k. Version 2 keeps 10\u202f% of the units; a guardrail that fails still rolls back.',
    'Next: version 2 gets all units and becomes the control.',
  ],
  [
    { kind: 'rolled_back', ...at, by: 'control', why: 'error rate 100 %' },
    'Version 2 was rolled back at 12:00:00 by the controller: error rate 100 %. Then version 1 got all units.',
    undefined,
  ],
  [
    { kind: 'promoted', ...at, by: 'key:k' },
    'Version 2 was promoted at 12:00:00 by key:k: it got all units and became the control.',
    undefined,
  ],
])('says what a rollout does or did, and what comes next: %o', (state, now, next) => {
  const rollout = inState(state);
  expect(stateSentence(rollout, noon)).toBe(now);
  expect(nextSentence(rollout)).toBe(next);
});

it('ends a reason that is a sentence once', () => {
  const why = 'The accuracy of v2 is lower by 4 points.';
  expect(stateSentence(inState({ kind: 'rolled_back', ...at, by: 'control', why }), noon)).toContain(
    'by 4 points. Then version 1',
  );
});

it('says of a rollback whose candidate got no units that the split of before was put back', () => {
  const { transitions: _, ...rollout } = inState({ kind: 'rolled_back', ...at, by: 'key:k', why: '' });
  expect(stateSentence({ ...rollout, transitions: [] }, noon + 86_400_000)).toBe(
    'Version 2 was rolled back at 12:00:00 on 1 Jan by key:k. It had got no units, and the split of before was put back.',
  );
});

it('says what is in force, which may have changed since a rollout ended', () => {
  const variant = (version: string, weight: number) => ({ version, weight }) as LiveVariant;
  expect(inForceSentence({ variants: [variant('1', 80), variant('3', 20)] })).toBe(
    'In force now: version 1 gets 80\u202f% and version 3 gets 20\u202f% of the units.',
  );
});

it('gives measured values and limits in the unit of their metric', () => {
  expect([
    formatMeasured('error_rate', 1),
    formatMeasured('p95_ms', 46.5),
    formatMeasured('srm', 1234.5),
  ]).toEqual(['100\u202f%', '46.5\u202fms', '1230']);
  expect(guardrailWords({ metric: 'p95_ms', max: 200, max_ratio: 1.5 })).toBe(
    'at most 200\u202fms, and at most 1.5 times the control',
  );
  expect(guardrailWords({ metric: 'accuracy', max_drop: 0.01 })).toBe(
    'at most 1 percentage point below the control',
  );
});

it('shows what events said of rollouts, in the place of what was loaded before', () => {
  const paused = inState({ kind: 'paused', step: 0, ...at, by: 'key:k', why: '' });
  const old = { ...paused, id: 'old' };
  const ended = inState({ kind: 'promoted', ...at, by: 'key:k' });
  const begun = { ...paused, id: 'r-2', started_at_ms: 1 };
  const changed = new Map([ended, begun].map((rollout) => [rollout.id, rollout]));
  expect(withChanges([paused, old], changed)).toEqual([begun, ended, old]);
});
