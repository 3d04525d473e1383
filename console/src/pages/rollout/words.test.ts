import { policySchema, type Rollout, type RolloutState, rolloutSchema } from '@headgate/contracts/rollout';
import { expect, it } from 'vitest';
import { formatMeasured, guardrailWords, nextSentence, stateSentence, withChanges } from './words.ts';

const policy = policySchema.parse({
  steps: [{ weight: 10 }, { weight: 100, hold_s: 600, min_samples: 1, approval: 'manual' }],
  guardrails: [{ metric: 'error_rate' }],
});

const inState = (state: RolloutState): Rollout =>
  rolloutSchema.parse({
    ...{ schema: 1, id: 'r-1', model: 'digits', policy, state, weight: 10, written: null },
    control: { variant: 'v1', version: '1' },
    candidate: { variant: 'v2', version: '2' },
    ...{ started_at_ms: 0, started_by: 'key:k', evidence: [], transitions: [] },
  });

const at = { since_ms: 0 };

it.each<[RolloutState, string, string | undefined]>([
  [
    { kind: 'preparing', ...at },
    'Version 2 gets no traffic before every pod has loaded it.',
    'Next: 10\u202f% of the units, for at least 60\u202fs and 100 requests.',
  ],
  [
    { kind: 'running', step: 0, ...at, waits_for: 'It needs 5 requests more.' },
    'Step 1 of 2: 10\u202f% of the units. It needs 5 requests more.',
    'Next: 100\u202f% of the units, for at least 10\u202fmin and 1 request.',
  ],
  [
    { kind: 'awaiting_approval', step: 1, ...at },
    'Step 2 of 2: 100\u202f% of the units. All its conditions hold: it waits for a person who promotes it.',
    'Next: version 2 gets all units and becomes the control.',
  ],
  [
    { kind: 'rolled_back', ...at, by: 'control', why: 'error rate 100 %' },
    'All units get version 1 again. Rolled back by the controller: error rate 100 %',
    undefined,
  ],
])('says what a rollout does and what comes next: %o', (state, now, next) => {
  expect(stateSentence(inState(state))).toBe(now);
  expect(nextSentence(inState(state))).toBe(next);
});

it('gives measured values and limits in the unit of their metric', () => {
  expect([
    formatMeasured('error_rate', 1),
    formatMeasured('p95_ms', 46.5),
    formatMeasured('srm', 1234.5),
  ]).toEqual(['100\u202f%', '46.5\u202fms', '1230']);
  expect(guardrailWords({ metric: 'p95_ms', max: 200, max_ratio: 1.5 })).toBe(
    'at most 200\u202fms, and at most 1.5 times that of the control',
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
