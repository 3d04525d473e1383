import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { BAD, GOOD, MODEL, policyOf, type RolloutBench, rolloutBench } from '../testing/rollout-bench.ts';

let bench: RolloutBench;

beforeEach(async () => {
  bench = await rolloutBench();
});

const state = async () => (await bench.now()).state;
const kind = async () => (await state()).kind;

describe('a rollout', () => {
  it('goes step by step, becomes the control, and keeps the old version loaded and the comments', async () => {
    await bench.start(policyOf([1, 10, 100]));
    const seen = [bench.weights()];
    for (let second = 0; second < 25; second += 1) {
      await bench.seconds(1, GOOD);
      if (`${bench.weights()}` !== `${seen.at(-1)}`) seen.push(bench.weights());
    }
    expect(seen).toEqual([[100, 0], [99, 1], [90, 10], [0, 100], [100]]);
    const { versions, experiment } = bench.routing.current().routing.models[MODEL] ?? {};
    expect([versions, experiment?.variants]).toEqual([
      ['1', '2', '3'],
      [{ name: 'two', version: '2', weight: 100 }],
    ]);
    expect(readFileSync(bench.path, 'utf8')).toContain('# edited by SREs');
    expect((await bench.now()).transitions.map(({ to, by, weight }) => [to.kind, by, weight])).toEqual([
      ['preparing', 'key:k1', 0],
      ['running', 'control', 1],
      ['running', 'control', 10],
      ['running', 'control', 100],
      ['promoted', 'control', 100],
    ]);
    expect(bench.changes.map(({ action }) => action)).toEqual([
      'rollout.start',
      'rollout.step',
      'rollout.step',
      'rollout.step',
      'rollout.promote',
    ]);
  });

  it('ends each policy with all units on the candidate for a while', () => {
    expect(policyOf([10, 50]).steps.map(({ weight }) => weight)).toEqual([10, 50, 100]);
  });

  it('waits for a person where the step says so, and is still rolled back', async () => {
    const steps = [{ weight: 10, hold_s: 2, min_samples: 1, approval: 'manual' }, { weight: 100 }];
    await bench.start(policyOf([], { steps }));
    await bench.seconds(60, GOOD);
    expect([await kind(), bench.weights()]).toEqual(['awaiting_approval', [90, 10]]);
    await bench.seconds(4, BAD);
    expect([await kind(), bench.weights()]).toEqual(['rolled_back', [100, 0]]);
  });

  it('holds while it is paused, and measures the rest of its step when it goes on', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    await bench.act('pause');
    await bench.seconds(60, GOOD);
    expect([await kind(), bench.weights()]).toEqual(['paused', [90, 10]]);
    await expect(bench.act('promote')).rejects.toMatchObject({ reason: 'conflict' });
    await bench.act('resume');
    await bench.seconds(4, GOOD);
    expect(bench.weights()).toEqual([90, 10]);
    await bench.seconds(2, GOOD);
    expect(bench.weights()).toEqual([0, 100]);
  });

  it('is rolled back on command, once', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    const { state: after } = await bench.act('rollback');
    expect([after, bench.weights()]).toMatchObject([
      { kind: 'rolled_back', by: 'key:k1', why: '' },
      [100, 0],
    ]);
    await expect(bench.act('rollback')).rejects.toMatchObject({ reason: 'conflict' });
  });
});

it('keeps who asked and why, in the timeline and in the audit log', async () => {
  await bench.start(policyOf([10, 50, 100]));
  await bench.seconds(2, GOOD);
  for (const action of ['promote', 'pause', 'resume', 'rollback'] as const)
    await bench.act(action, 'user:alice', `${action} it`);
  const { transitions } = await bench.now();
  const reasons = transitions.slice(-4).map(({ to, why }) => why ?? ('why' in to && to.why));
  expect(reasons).toEqual(['promote it', 'pause it', 'resume it', 'rollback it']);
  expect(bench.changes.slice(-4).map(({ action, keyId, detail }) => [action, keyId, detail.why])).toEqual([
    ['rollout.step', 'user:alice', 'promote it'],
    ['rollout.pause', 'user:alice', 'pause it'],
    ['rollout.resume', 'user:alice', 'resume it'],
    ['rollout.rollback', 'user:alice', 'rollback it'],
  ]);
});

describe('readiness', () => {
  it('keeps a candidate without units until it is ready on every gateway, and says what it waits for', async () => {
    bench.gateways.addresses = ['gateway-1', 'gateway-2'];
    await bench.start(policyOf([10, 100]), '4');
    await bench.seconds(29, GOOD);
    expect([await state(), bench.weights()]).toMatchObject([
      { kind: 'preparing', waits_for: 'version 4 is not ready on gateways gateway-1, gateway-2' },
      [100, 0],
    ]);
    await bench.seconds(2, GOOD);
    expect(await state()).toMatchObject({
      kind: 'rolled_back',
      why: 'not ready within 30 s: version 4 is not ready on gateways gateway-1, gateway-2',
    });
  });

  it.each([
    ['an experiment of two versions', '{ name: three, version: "3", weight: 20 }', '4'],
    [
      'a variant without units',
      '{ name: three, version: "3", weight: 20 }\n        - { name: spare, version: "2", weight: 0 }',
      '4',
    ],
    ['a candidate that had units', '{ name: two, version: "2", weight: 20 }', '2'],
  ])('puts back %s when the candidate never got ready', async (_, treatment, version) => {
    bench.edit((text) => text.replace('weight: 90', 'weight: 80').replace(/\{ name: two.*\}/, treatment));
    await bench.seconds(1, GOOD);
    const before = bench.routing.current().routing;
    bench.gateways.unready.add(version);
    await bench.start(policyOf([10, 100]), version);
    expect(bench.weights()).toEqual([100, 0]);
    await bench.seconds(31, GOOD);
    expect([await kind(), bench.routing.current().routing]).toEqual(['rolled_back', before]);
    await bench.restart();
    await bench.seconds(2, GOOD);
    expect(bench.routing.current().routing).toEqual(before);
  });

  it('drops a version that was spare where there is no room for another one', async () => {
    const many = Array.from({ length: 16 }, (_, index) => `"${index + 1}"`).join(', ');
    bench.edit((text) => text.replace(/versions: \[.*\]/, `versions: [${many}]`));
    await bench.start(policyOf([10, 100]), '17');
    const { versions } = bench.routing.current().routing.models[MODEL] ?? {};
    expect([versions?.length, versions?.slice(0, 2), versions?.at(-1)]).toEqual([16, ['1', '3'], '17']);
  });

  it('holds a step whose candidate stops being ready, and refuses to promote it', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(3, GOOD);
    bench.gateways.unready.add('2');
    await bench.seconds(60, { requests: 0 });
    expect(await state()).toMatchObject({
      kind: 'running',
      step: 0,
      waits_for: 'a ready candidate: version 2 is not ready on gateway gateway-1; its units get control',
    });
    await expect(bench.act('promote')).rejects.toMatchObject({ reason: 'conflict' });
  });
});

describe('a restart of control', () => {
  it('goes on in the same step, and counts what it sees itself', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(4, GOOD);
    await bench.restart();
    await bench.seconds(1, { requests: 0 });
    expect(await state()).toMatchObject({ kind: 'running', step: 0 });
    expect((await bench.now()).evidence).toMatchObject([{ verdict: 'no_data', samples: 0 }]);
    await bench.seconds(3, GOOD);
    expect(bench.weights()).toEqual([0, 100]);
  });

  it('completes a step that was saved and not written', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(4, GOOD);
    bench.away.table = true;
    await bench.seconds(3, GOOD);
    expect([(await bench.now()).weight, bench.weights()]).toEqual([100, [90, 10]]);
    bench.away.table = false;
    await bench.restart();
    await bench.seconds(1, GOOD);
    expect([await kind(), bench.weights()]).toEqual(['running', [0, 100]]);
  });

  it('notices an edit that was made meanwhile', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.edit((text) => text.replace('weight: 90', 'weight: 80').replace('weight: 10', 'weight: 20'));
    await bench.restart();
    await bench.seconds(1, GOOD);
    expect([await kind(), bench.weights()]).toEqual(['paused', [80, 20]]);
  });
});

describe('what fails around it', () => {
  it('no audit record: no step, no command but a rollback', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.away.audit = true;
    await bench.seconds(20, GOOD);
    expect([await kind(), bench.weights()]).toEqual(['running', [90, 10]]);
    await expect(bench.act('pause')).rejects.toMatchObject({ reason: 'store_unavailable' });
    await bench.seconds(4, BAD);
    expect([await kind(), bench.weights()]).toEqual(['rolled_back', [100, 0]]);
  });

  it('a table that cannot be written is rolled back as soon as it can', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.away.table = true;
    await bench.seconds(5, BAD);
    expect([await kind(), bench.weights()]).toEqual(['rolled_back', [90, 10]]);
    bench.away.table = false;
    await bench.seconds(1, BAD);
    expect(bench.weights()).toEqual([100, 0]);
  });

  it('rollouts that can be neither read nor saved are rolled back, also on command', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.away.store = true;
    await bench.seconds(4, BAD);
    expect([await kind(), bench.weights()]).toEqual(['rolled_back', [100, 0]]);
    bench.away.store = false;
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    bench.away.store = true;
    await bench.act('rollback');
    expect(bench.weights()).toEqual([100, 0]);
  });

  it('is told once for each rollout and for the store, and again after it went on', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(2, GOOD);
    const told = () => bench.logged.filter((fields) => (fields as { err?: unknown }).err).length;
    bench.away.audit = true;
    await bench.seconds(20, GOOD);
    expect(told()).toBe(1);
    bench.away.store = true;
    await bench.seconds(20, GOOD);
    expect(told()).toBe(2);
    bench.away.store = false;
    await bench.seconds(1, GOOD);
    bench.away.store = true;
    await bench.seconds(1, GOOD);
    expect(told()).toBe(3);
  });

  it('a wall clock that is set right after a step does not end the step', async () => {
    await bench.start(policyOf([10, 100]));
    await bench.seconds(1, GOOD);
    const { epochMs } = bench.clock;
    Object.assign(bench.clock, { epochMs: () => epochMs() + 3_600_000 });
    await bench.seconds(2, { requests: 30 });
    expect(bench.weights()).toEqual([90, 10]);
  });

  it('a second process changes nothing, and says who does', async () => {
    bench.away.leader = 'Another control process leads.';
    await expect(bench.start(policyOf([10, 100]))).rejects.toMatchObject({
      reason: 'not_leader',
      detail: 'Another control process leads.',
    });
    bench.away.leader = null;
    await bench.start(policyOf([10, 100]));
    bench.away.leader = 'Another control process leads.';
    await bench.seconds(60, GOOD);
    expect(bench.weights()).toEqual([100, 0]);
  });

  it('a second process shows what the first one does', async () => {
    const second = bench.rollouts;
    const shown: unknown[] = [];
    second.onChange(({ state }, isTransition) => shown.push([state.kind, isTransition]));
    await bench.restart();
    await bench.start(policyOf([10, 100]));
    bench.away.leader = 'Another control process leads.';
    await second.tick();
    await second.tick();
    expect(shown).toEqual([['preparing', false]]);
  });
});

it('rollouts that are over cost one read a second, and no write after an edit or the start of another', async () => {
  for (const version of ['2', '3', '2']) {
    await bench.start(policyOf([10, 100]), version);
    await bench.seconds(6, BAD);
    expect(await kind()).toBe('rolled_back');
  }
  await bench.seconds(2, GOOD);
  const shown: unknown[] = [];
  bench.rollouts.onChange((rollout) => shown.push(rollout));
  Object.assign(bench.calls, { reads: 0, saved: [] });
  bench.edit((text) => `# another line\n${text}`);
  await bench.seconds(30, GOOD);
  await bench.rollouts.list();
  expect([bench.calls, shown]).toEqual([{ reads: 30, saved: [] }, []]);
  const { id } = await bench.start(policyOf([10, 100]), '3');
  await bench.seconds(12, GOOD);
  expect(new Set(bench.calls.saved)).toEqual(new Set([id]));
});
