import { join } from 'node:path';
import type { Evidence, Rollout, RolloutState, Transition } from '@headgate/contracts/rollout';
import { tempDir } from '@headgate/testkit/folders';
import { describe, expect, it } from 'vitest';
import { headgate } from '../../testing/command-line.ts';
import { fakeControl } from '../../testing/fake-control.ts';
import { ROUTING, rolloutAt } from '../../testing/views.ts';

const FAILED: Evidence = {
  metric: 'error_rate',
  verdict: 'fail',
  value: 1,
  control: 0.002,
  limit: 0.05,
  samples: 14,
  detail: '14 of 14 requests failed',
};

function transition(to: RolloutState, weight: number, evidence: Evidence[] = []): Transition {
  return { at_ms: to.since_ms, to, weight, by: 'control', evidence };
}

const PREPARING = transition({ kind: 'preparing', since_ms: 0 }, 0);
const RUNNING = transition({ kind: 'running', step: 0, since_ms: 1000, waits_for: '100 requests' }, 10);
// In the same millisecond as the one before.
const AGAIN = transition({ kind: 'running', step: 1, since_ms: 1000, waits_for: '60 s' }, 50);
const PROMOTED = transition({ kind: 'promoted', since_ms: 2000, by: 'control' }, 100);
const ROLLED_BACK = transition({ kind: 'rolled_back', since_ms: 2000, by: 'control', why: 'error_rate' }, 0, [
  FAILED,
]);

/** A control whose rollout goes on by one of these with each look. */
function controlThrough(...looks: readonly (readonly Transition[])[]) {
  let look = 0;
  const current = (): Rollout => rolloutAt(looks[Math.min(look, looks.length - 1)] ?? []);
  return fakeControl({
    'POST /rollouts': current,
    'GET /rollouts': () => ({ rollouts: [current()] }),
    'GET /routing': ROUTING,
    'GET /rollouts/digits-2': () => {
      look += 1;
      return current();
    },
    'POST /rollouts/digits-2/:action': current,
  });
}

describe('headgate rollout start --follow', () => {
  const start = ['rollout', 'start', 'digits', '2', '--follow'];

  it('prints each transition once, and ends with code 0 when the version is promoted', async () => {
    const looks = [[PREPARING], [PREPARING, RUNNING, AGAIN], [PREPARING, RUNNING, AGAIN, PROMOTED]];
    const { code, out } = await headgate(start, controlThrough(...looks));
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.slice(22))).toEqual([
      'preparing, candidate at 0 %, by the controller',
      'running step 1, candidate at 10 %, by the controller',
      'running step 2, candidate at 50 %, by the controller',
      'PROMOTED, candidate at 100 %, by the controller',
      '',
    ]);
  });

  it('shows the evidence of a rollback, and ends with code 8', async () => {
    const { code, out, err } = await headgate(
      start,
      controlThrough([PREPARING, RUNNING], [RUNNING, ROLLED_BACK]),
    );
    expect(code).toBe(8);
    expect(out).toContain(
      'FAIL  error_rate: 100 %, control 0.2 %, limit 5 %, 14 requests; 14 of 14 requests failed',
    );
    expect(err).toContain('was rolled back by the controller: error_rate');
  });

  it('is lines of JSON for programs', async () => {
    const { out } = await headgate([...start, '--json'], controlThrough([PREPARING], [PREPARING, PROMOTED]));
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([PREPARING, PROMOTED]);
  });

  it('waits for a control that restarts, and gives up after two minutes', async () => {
    const followed = (away: number) => {
      const control = controlThrough([PREPARING], [PREPARING, PROMOTED]);
      let asked = 0;
      return headgate(start, {
        fetch: (...call) => {
          asked += 1;
          // After the two calls that start it.
          return asked > 2 && asked <= 2 + away
            ? Promise.reject(new TypeError('refused'))
            : control.fetch(...call);
        },
      });
    };
    const back = await followed(5);
    expect([back.code, back.err.match(/waiting for it/g)]).toEqual([0, ['waiting for it']]);
    expect((await followed(1000)).code).toBe(1);
  });
});

describe('headgate rollout start --policy', () => {
  const body = async (policy: string) => {
    const control = controlThrough([PREPARING]);
    const told = await headgate(['rollout', 'start', 'digits', '2', '--policy', policy], control);
    return { ...told, body: control.calls[0]?.body };
  };

  it('takes a name, or a file with its defaults', async () => {
    expect((await body('careful')).body).toEqual({ model: 'digits', version: '2', policy: 'careful' });
    const dir = tempDir({
      'good.yaml': 'steps: [{ weight: 10, hold_s: 5 }]\nguardrails: [{ metric: error_rate }]\n',
    });
    expect((await body(join(dir, 'good.yaml'))).body).toMatchObject({
      policy: { steps: [{ weight: 10, hold_s: 5, min_samples: 100 }] },
    });
  });

  it.each([
    ['steps: [{ weight: 10 }]\n', 'guardrails'],
    ['steps: [{ weight: 10\n', 'is no policy: line 2, column 1: not valid YAML'],
    ['steps: [{ weight: 50 }, { weight: 10 }]\nguardrails: [{ metric: srm }]\n', 'steps.1.weight'],
  ])('says what is wrong with the file: %j', async (text, problem) => {
    const { code, err, body: sent } = await body(join(tempDir({ 'bad.yaml': text }), 'bad.yaml'));
    expect([code, err, sent]).toEqual([2, expect.stringContaining(problem), undefined]);
  });
});

describe('a rollout is named', () => {
  it.each([[[]], [['digits']], [['digits-2']]])('by %j', async (which) => {
    const control = controlThrough([PREPARING, RUNNING]);
    const told = await headgate(['rollout', 'rollback', ...which, '--why', 'too slow'], control);
    expect(told.code).toBe(0);
    expect(control.calls.at(-1)).toEqual({
      call: 'POST /rollouts/digits-2/rollback',
      body: { why: 'too slow' },
    });
  });

  it('never by a finished one, and never by chance', async () => {
    const done = await headgate(['rollout', 'promote', 'digits'], controlThrough([PREPARING, PROMOTED]));
    expect([done.code, done.err]).toEqual([4, expect.stringContaining('no rollout of digits')]);
    const two = fakeControl({
      'GET /rollouts': {
        rollouts: [rolloutAt([RUNNING]), rolloutAt([RUNNING], { id: 'other-3', model: 'other' })],
      },
    });
    const told = await headgate(['rollout', 'rollback'], two);
    expect([told.code, told.err]).toEqual([2, expect.stringContaining('digits-2, other-3')]);
  });
});

describe('headgate rollout status', () => {
  it('shows what was measured, what happened, and what is in force since', async () => {
    const control = controlThrough([RUNNING, ROLLED_BACK]);
    const { code, out } = await headgate(['rollout', 'status', 'digits-2'], control);
    expect(code).toBe(0);
    expect(out).toMatch(/error_rate +fail +100 % +0\.2 % +5 % +14 requests\n/);
    expect(out).toContain('\nrolled back at 1970-01-01T00:00:02Z by the controller: error_rate\n');
    expect(out).toContain('\nin force now: version 1 at 90 %, version 2 at 10 %\n');
    expect(out).toContain('headgate experiment report digits --experiment digits-2\n');
  });

  const by = 'user:alice';
  it.each<[RolloutState, string]>([
    [
      { kind: 'preparing', since_ms: 0, waits_for: 'version 2 is not ready on gateway a' },
      'preparing since 1970-01-01T00:00:00Z: version 2 gets no units until it is ready on every gateway (version 2 is not ready on gateway a); at 1970-01-01T00:10:00Z the rollout ends without it',
    ],
    [
      { kind: 'running', step: 0, since_ms: 0, waits_for: 'the end of its 60 s, in 56 s' },
      'step 1 of 2 at 10 %; waits for the end of its 60 s, in 56 s',
    ],
    [
      { kind: 'awaiting_approval', step: 0, since_ms: 0 },
      'step 1 of 2 at 10 % is complete since 1970-01-01T00:00:00Z; waits for headgate rollout promote',
    ],
    [
      { kind: 'paused', step: 0, since_ms: 0, by, why: '' },
      'paused at 1970-01-01T00:00:00Z in step 1 of 2 at 10 % by user:alice',
    ],
    [
      { kind: 'rolled_back', since_ms: 0, by, why: 'too slow' },
      'rolled back at 1970-01-01T00:00:00Z by user:alice: too slow',
    ],
    [
      { kind: 'promoted', since_ms: 0, by: 'control' },
      'promoted at 1970-01-01T00:00:00Z by the controller: version 2 became the control',
    ],
  ])('says each state in one line: %o', async (state, line) => {
    const { out } = await headgate(['rollout', 'status'], controlThrough([transition(state, 10)]));
    expect(out.split('\n')[2]).toBe(line);
  });
});
