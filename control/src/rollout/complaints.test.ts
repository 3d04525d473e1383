import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { assign } from '@headgate/runtime/routing/assign';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  BAD,
  GOOD,
  MODEL,
  policyOf,
  type RolloutBench,
  reportOf,
  rolloutBench,
} from '../testing/rollout-bench.ts';
import { exposeRollouts } from './rollout-metrics.ts';

/**
 * What users complain about in other rollout controllers, each as a test with the number of its row in the list that the
 * controller was built from. `argo` is argoproj/argo-rollouts, `flagger` is fluxcd/flagger.
 */

let bench: RolloutBench;

beforeEach(async () => {
  bench = await rolloutBench();
});

const state = async () => (await bench.now()).state;
const kind = async () => (await state()).kind;
const text = () => readFileSync(bench.path, 'utf8');
const me = `user:${userInfo().username}`;

describe('complaint 1: no data at the last step before promotion never promotes (argo#3850)', () => {
  it.each([
    ['no feedback', async () => reportOf((await bench.now()).id, 'two', {})],
    ['a store that is away', () => Promise.reject(new Error('away'))],
    ['a store that never answers', () => new Promise<never>(() => undefined)],
  ])('%s', async (_, report) => {
    bench.report(report);
    await bench.start(
      policyOf([10, 50, 100], { guardrails: [{ metric: 'error_rate' }, { metric: 'accuracy' }] }),
    );
    await bench.seconds(120, GOOD);
    expect(await state()).toMatchObject({
      kind: 'running',
      step: 1,
      waits_for: expect.stringMatching(/^the guardrail accuracy: /),
    });
    expect(bench.weights()).toEqual([50, 50]);
  });

  it('a person may go on without it', async () => {
    await bench.start(
      policyOf([50, 100], { guardrails: [{ metric: 'error_rate' }, { metric: 'accuracy' }] }),
    );
    await bench.seconds(20, GOOD);
    await bench.act('promote');
    await bench.seconds(20, GOOD, { requests: 0 });
    expect(await kind()).toBe('promoted');
  });
});

it('complaint 2: a guardrail that failed is not excused by a later success (argo#1411)', async () => {
  await bench.start(policyOf([10, 100]));
  await bench.seconds(3, GOOD);
  bench.gateways.unready.add('1');
  await bench.seconds(3, BAD);
  expect(await state()).toMatchObject({
    kind: 'running',
    waits_for: expect.stringContaining('to roll back to'),
  });
  await bench.seconds(120, GOOD);
  expect((await bench.now()).evidence).toMatchObject([{ metric: 'error_rate', verdict: 'fail' }]);
  bench.gateways.unready.clear();
  await bench.seconds(1, GOOD);
  expect(await kind()).toBe('rolled_back');
});

describe('complaint 3: what cannot be measured holds, and is no zero (flagger#1689, flagger#1098, argo#1905)', () => {
  it('no traffic', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(300, { requests: 0 });
    expect(await state()).toMatchObject({
      kind: 'running',
      step: 0,
      waits_for: 'requests: the candidate has answered 0 of 20',
    });
    expect((await bench.now()).evidence).toMatchObject([{ verdict: 'no_data', samples: 0 }]);
  });

  it('no gateway that answers', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(3, GOOD);
    bench.gateways.silent.add('gateway-1');
    await bench.seconds(300, BAD);
    expect(await kind()).toBe('running');
    expect((await bench.now()).evidence).toMatchObject([{ verdict: 'no_data', value: null }]);
  });

  it('a gateway of two that is silent: a failure counts, a success does not', async () => {
    bench.gateways.addresses = ['gateway-1', 'gateway-2'];
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.gateways.silent.add('gateway-2');
    await bench.seconds(60, GOOD);
    expect(await state()).toMatchObject({ kind: 'running', step: 0 });
    expect((await bench.now()).evidence).toMatchObject([{ verdict: 'no_data' }]);
    await bench.seconds(4, BAD);
    expect(await kind()).toBe('rolled_back');
  });
});

it('complaint 4: nothing is sent to a control that cannot take it (argo#3020, argo#2050)', async () => {
  await bench.start(policyOf([10, 100]));
  await bench.seconds(3, GOOD);
  bench.gateways.unready.add('1');
  await bench.seconds(30, BAD);
  expect(bench.weights()).toEqual([90, 10]);
  expect(await state()).toMatchObject({
    waits_for: 'a control that is ready, to roll back to: version 1 is not ready on gateway gateway-1',
  });
  bench.gateways.unready.clear();
  await bench.seconds(1, BAD);
  expect(bench.weights()).toEqual([100, 0]);
});

describe('complaint 5: all units go to control before a rollout begins (argo#4390)', () => {
  it('over an older experiment', async () => {
    bench.gateways.unready.add('2');
    const { id } = await bench.start(policyOf([20, 100]));
    expect(bench.weights()).toEqual([100, 0]);
    expect(bench.routing.current().routing.models[MODEL]?.experiment).toMatchObject({ name: id, salt: id });
    bench.gateways.unready.clear();
    await bench.seconds(1, GOOD);
    expect(bench.weights()).toEqual([80, 20]);
  });

  it('never over a rollout in progress', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    await expect(bench.start(policyOf([10, 100]), '3')).rejects.toMatchObject({ reason: 'conflict' });
    expect(bench.weights()).toEqual([90, 10]);
  });
});

it('complaint 6: the rollback of a finished rollout is refused and changes nothing (argo#1292, argo#2982)', async () => {
  await bench.start(policyOf([100]));
  await bench.seconds(10, GOOD);
  expect(await kind()).toBe('promoted');
  const [before, changes] = [text(), bench.changes.length];
  await expect(bench.act('rollback')).rejects.toMatchObject({ reason: 'conflict' });
  await bench.seconds(60, GOOD);
  expect([text(), bench.changes.length]).toEqual([before, changes]);
});

it('complaint 7: a start after a rollback measures again, and none starts by itself (argo#2897, argo#3774)', async () => {
  const first = await bench.start(policyOf([10, 100]));
  await bench.seconds(6, BAD);
  expect(await kind()).toBe('rolled_back');
  await bench.seconds(120, GOOD);
  expect(await bench.rollouts.list()).toHaveLength(1);
  const second = await bench.start(policyOf([10, 100]));
  expect(second).toMatchObject({ evidence: [], state: { kind: 'preparing' } });
  expect(second.id).not.toBe(first.id);
  await bench.seconds(2, { requests: 1 });
  expect((await bench.now()).evidence).toMatchObject([{ verdict: 'no_data', samples: 1 }]);
});

it('complaint 8: a promotion ends the analysis of its step, and the next step has its own (argo#3220, argo#1203)', async () => {
  await bench.start(policyOf([10, 50, 100]));
  await bench.seconds(3, GOOD);
  expect((await bench.now()).evidence).toMatchObject([{ verdict: 'pass', samples: 20 }]);
  await bench.act('promote');
  expect(bench.weights()).toEqual([50, 50]);
  await bench.seconds(1, { requests: 2 });
  expect(await state()).toMatchObject({ kind: 'running', step: 1 });
  expect((await bench.now()).evidence).toMatchObject([{ verdict: 'no_data', samples: 2 }]);
  expect((await bench.now()).transitions.at(-1)).toMatchObject({ by: 'key:k1', evidence: [{ samples: 20 }] });
});

it('complaint 9: gateways that come and go neither stop nor fail a rollout (argo#3848, flagger#944)', async () => {
  // What a gateway answered before it was there is not of this step.
  const elsewhere = () => bench.gateways.serve('2', 'two', { requests: 1000, errors: 1000 }, ['gateway-2']);
  const steps = [{ weight: 10, hold_s: 18, min_samples: 1 }, { weight: 100 }];
  await bench.start(policyOf([], { steps }));
  await bench.seconds(1, GOOD);
  for (let round = 0; round < 4; round += 1) {
    elsewhere();
    bench.gateways.addresses = ['gateway-1', 'gateway-2'];
    await bench.seconds(2, GOOD);
    bench.gateways.addresses = ['gateway-1'];
    await bench.seconds(2, GOOD);
  }
  // All but the half of the second in which the other gateway was first read.
  const seen = { verdict: 'pass', value: 0, samples: 4 * (5 + 10 + 10 + 10) };
  expect((await bench.now()).evidence).toMatchObject([seen]);
  await bench.seconds(2, GOOD);
  expect(bench.weights()).toEqual([0, 100]);
});

describe('complaint 10: a second writer is seen, named, and never an end (argo#3080, argo#2522)', () => {
  it('an edit of its own model pauses the rollout, and it goes on from what the editor left', async () => {
    await bench.start(policyOf([10, 50, 100]));
    await bench.seconds(2, GOOD);
    bench.edit((before) => before.replace('weight: 90', 'weight: 75').replace('weight: 10', 'weight: 25'));
    await bench.seconds(2, GOOD);
    expect(await state()).toMatchObject({
      kind: 'paused',
      by: me,
      why: 'the routing table was edited by hand',
    });
    expect(bench.changes.at(-1)).toMatchObject({ action: 'rollout.pause', keyId: me });
    const edited = await bench.now();
    expect([edited.weight, edited.transitions.at(-1)?.weight]).toEqual([25, 25]);
    await bench.seconds(60, GOOD);
    bench.edit((before) => before.replace('weight: 75', 'weight: 70').replace('weight: 25', 'weight: 30'));
    await bench.seconds(1, GOOD);
    expect([(await bench.now()).weight, bench.weights()]).toEqual([30, [70, 30]]);
    expect(await bench.act('resume')).toMatchObject({ weight: 30, state: { kind: 'running', step: 0 } });
    await bench.seconds(7, GOOD);
    expect(bench.weights()).toEqual([50, 50]);
  });

  it('an edit of another model does not', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.edit((before) => `# a comment\n${before}`);
    await bench.seconds(2, GOOD);
    expect(await kind()).toBe('running');
    await bench.seconds(5, GOOD);
    expect(bench.weights()).toEqual([0, 100]);
  });

  it('a bad version is rolled back after an edit, too', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.edit((before) => before.replace('weight: 90', 'weight: 40').replace('weight: 10', 'weight: 60'));
    await bench.seconds(4, BAD);
    expect([await kind(), bench.weights()]).toEqual(['rolled_back', [100, 0]]);
  });

  it('also after one that gave units to a candidate that was being prepared', async () => {
    bench.gateways.unready.add('2');
    await bench.start(policyOf([10, 100]));
    bench.edit((before) => before.replace('weight: 100', 'weight: 50').replace('weight: 0', 'weight: 50'));
    await bench.seconds(1, GOOD);
    expect(await kind()).toBe('paused');
    bench.gateways.unready.clear();
    await bench.seconds(4, BAD);
    expect([await kind(), bench.weights()]).toEqual(['rolled_back', [100, 0]]);
  });

  it('a rollout whose experiment was replaced is not resumed, and its rollback leaves the new one alone', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.edit((before) => before.replaceAll(/(name|salt): m-v2-\S+/g, '$1: other'));
    await bench.seconds(2, GOOD);
    await expect(bench.act('resume')).rejects.toMatchObject({ reason: 'conflict' });
    const before = text();
    await bench.act('rollback');
    await bench.seconds(2, GOOD);
    expect([await kind(), text()]).toEqual(['rolled_back', before]);
  });

  it("an edit after the end is the editor's", async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(6, BAD);
    bench.edit((before) => before.replace('weight: 100', 'weight: 70').replace('weight: 0', 'weight: 30'));
    await bench.seconds(5, GOOD);
    await bench.restart();
    await bench.seconds(5, GOOD);
    expect(bench.weights()).toEqual([70, 30]);
  });
});

it('complaint 11: a failure while all units have the candidate also rolls back (flagger#1591)', async () => {
  await bench.start(policyOf([10, 100]));
  await bench.seconds(8, GOOD);
  expect(bench.weights()).toEqual([0, 100]);
  await bench.seconds(2, { requests: 50, errors: 50 }, { requests: 0 });
  expect([await kind(), bench.weights()]).toEqual(['rolled_back', [100, 0]]);
});

describe('complaint 12: the next version is analysed from the begin (flagger#379)', () => {
  it('with figures of its own', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(6, BAD);
    await bench.start(policyOf([10, 100]), '3');
    await bench.seconds(20, GOOD);
    expect(await bench.now()).toMatchObject({
      state: { kind: 'promoted' },
      candidate: { version: '3', variant: 'v3' },
    });
    expect(bench.routing.current().routing.models[MODEL]?.experiment.variants).toEqual([
      { name: 'v3', version: '3', weight: 100 },
    ]);
  });

  it('with a test of its own of what the one before failed', async () => {
    const policy = policyOf([10, 100], { guardrails: [{ metric: 'error_rate', max: 0.9 }] });
    await bench.start(policy);
    await bench.seconds(60, { requests: 10, errors: 4 });
    expect(await state()).toMatchObject({
      kind: 'rolled_back',
      why: expect.stringContaining('significantly'),
    });
    await bench.start(policy, '3');
    await bench.seconds(20, GOOD);
    expect(await kind()).toBe('promoted');
  });
});

it('complaint 13: value, limit and samples are in the state, the audit log and a metric (flagger#1810, argo#2087)', async () => {
  const registry = new Registry();
  exposeRollouts(registry, bench.rollouts);
  await bench.start(policyOf([10, 100]));
  await bench.seconds(6, BAD);
  const rolledBack = await bench.now();
  const measured = { metric: 'error_rate', verdict: 'fail', value: 1, limit: 0.05, control: 0, samples: 10 };
  expect(rolledBack.state).toMatchObject({
    kind: 'rolled_back',
    by: 'control',
    why: 'error_rate: 10 errors in 10 requests, 100.0 %; the limit is 5.0 %',
  });
  expect(rolledBack.transitions.at(-1)?.evidence).toMatchObject([measured]);
  const { action, detail } = bench.changes.at(-1) ?? {};
  expect([action, detail]).toMatchObject([
    'rollout.rollback',
    { guardrail: 'error_rate', value: 1, limit: 0.05, samples: 10, version: '2' },
  ]);
  const page = await registry.metrics();
  expect(page).toContain('headgate_rollout_evidence_value{model="m",guardrail="error_rate"} 1');
  expect(page).toContain('headgate_rollout_evidence_limit{model="m",guardrail="error_rate"} 0.05');
  expect(page).toContain('headgate_rollout_guardrail{model="m",guardrail="error_rate",verdict="fail"} 1');
});

it('complaint 14: the split stays what it is while time passes, and grows without changing sides (flagger#1532)', async () => {
  const units = Array.from({ length: 5000 }, (_, index) => `user-${index}`);
  const candidates = () => {
    const experiment = bench.routing.current().routing.models[MODEL]?.experiment;
    if (!experiment) throw new Error('no experiment');
    return new Set(units.filter((unit) => assign(experiment, unit).version === '2'));
  };
  await bench.start(
    policyOf([10, 30, 100], {
      steps: [10, 30, 100].map((weight) => ({ weight, hold_s: 100, min_samples: 1 })),
    }),
  );
  await bench.seconds(1, GOOD);
  const before = candidates();
  await bench.seconds(90, GOOD);
  expect(candidates()).toEqual(before);
  expect(before.size / units.length).toBeCloseTo(0.1, 1);
  await bench.seconds(20, GOOD);
  const after = candidates();
  expect(after.size).toBeGreaterThan(before.size);
  expect([...before].every((unit) => after.has(unit))).toBe(true);
});
