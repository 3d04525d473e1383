import { beforeEach, describe, expect, it } from 'vitest';
import { BAD, GOOD, policyOf, type RolloutBench, reportOf, rolloutBench } from '../testing/rollout-bench.ts';

let bench: RolloutBench;

beforeEach(async () => {
  bench = await rolloutBench();
});

const state = async () => (await bench.now()).state;
const kind = async () => (await state()).kind;

describe('an error rate below the limit', () => {
  const policy = () => policyOf([50, 100], { steps: [{ weight: 50, hold_s: 600 }, { weight: 100 }] });

  it('is rolled back once it is significantly above that of control', async () => {
    await bench.start(policy());
    await bench.seconds(60, { requests: 50, errors: 2 }, { requests: 50 });
    expect(await state()).toMatchObject({
      kind: 'rolled_back',
      why: 'error_rate: 4.0 % errors, control 0.0 %: significantly more than 1.0 points above it',
    });
  });

  it('is also where control is over the limit', async () => {
    await bench.start(policy());
    await bench.seconds(120, { requests: 100, errors: 10 }, { requests: 100, errors: 6 });
    expect(await state()).toMatchObject({
      kind: 'rolled_back',
      why: expect.stringContaining('significantly more'),
    });
  });

  it('counts only what the rollout itself has seen', async () => {
    await bench.start(policy());
    await bench.seconds(60, { requests: 50, errors: 2 }, { requests: 50 });
    expect(await kind()).toBe('rolled_back');
    await bench.start(policy());
    await bench.seconds(60, { requests: 50 }, { requests: 50 });
    expect(await kind()).toBe('running');
  });

  it('stays where control fails as often', async () => {
    await bench.start(policy());
    await bench.seconds(300, { requests: 50, errors: 2 }, { requests: 50, errors: 2 });
    expect(await kind()).toBe('running');
  });
});

it('a candidate with a request in ten seconds leaves its steps, however long they take', {
  timeout: 60_000,
}, async () => {
  const steps = [
    { weight: 1, hold_s: 5, min_samples: 20 },
    { weight: 10, hold_s: 5, min_samples: 100 },
    { weight: 100 },
  ];
  await bench.start(policyOf([], { steps, guardrails: [{ metric: 'error_rate' }, { metric: 'p95_ms' }] }));
  const tenths = async (count: number) => {
    for (let tenth = 0; tenth < count; tenth += 1) {
      await bench.seconds(1, { requests: 1 });
      await bench.seconds(9, { requests: 0 });
    }
  };
  await tenths(20);
  expect(await state()).toMatchObject({
    step: 0,
    waits_for: 'requests: the candidate has answered 19 of 20',
  });
  await tenths(100);
  expect(await state()).toMatchObject({
    step: 1,
    waits_for: 'requests: the candidate has answered 99 of 100',
  });
  await tenths(1);
  expect(bench.weights()).toEqual([0, 100]);
});

it('latency holds the step before 100 %, however few requests that waits for', async () => {
  await bench.start(policyOf([10, 100], { guardrails: [{ metric: 'p95_ms' }] }));
  await bench.seconds(10, GOOD);
  expect(await state()).toMatchObject({
    step: 0,
    waits_for: 'the guardrail p95_ms: 90 of 100 requests in each group',
  });
  await bench.seconds(1, GOOD);
  expect(bench.weights()).toEqual([0, 100]);
});

describe('slow guardrails', () => {
  const guardrails = [{ metric: 'error_rate' }, { metric: 'srm' }, { metric: 'accuracy', max_drop: 0.05 }];
  const after = async (report: Parameters<typeof reportOf>[2], seconds: number) => {
    const { id } = await bench.start(policyOf([10, 100], { guardrails }));
    bench.report(async () => reportOf(id, 'two', report));
    await bench.seconds(seconds, GOOD);
  };

  it('roll back on feedback alone', async () => {
    await after({ accuracy: [-0.4, -0.06] }, 4);
    expect(await state()).toMatchObject({ kind: 'rolled_back', why: 'accuracy: between -0.4 and -0.06' });
  });

  it('hold while a drop beyond the limit is possible and not certain, and pass within it', async () => {
    await after({ accuracy: [-0.4, -0.04] }, 20);
    expect(await kind()).toBe('promoted');
  });

  it('roll back where units are not split as the weights say', async () => {
    await after({ srm: 'mismatch', accuracy: [-0.01, 0.01] }, 4);
    expect(await state()).toMatchObject({ kind: 'rolled_back', why: 'srm: units: mismatch' });
  });

  it('hold for a metric that nobody sends', async () => {
    await after({}, 60);
    expect([await kind(), bench.weights()]).toEqual(['running', [90, 10]]);
    expect((await bench.now()).evidence[2]).toMatchObject({ metric: 'accuracy', verdict: 'no_data' });
  });

  it('do not stop the fast ones while the store hangs', async () => {
    await bench.start(policyOf([10, 100], { guardrails }));
    bench.report(() => new Promise(() => undefined));
    await bench.seconds(20, GOOD);
    expect((await bench.now()).evidence[2]).toMatchObject({
      verdict: 'error',
      detail: 'the store did not answer within 10 s',
    });
    await bench.seconds(4, BAD);
    expect(await kind()).toBe('rolled_back');
  });
});
