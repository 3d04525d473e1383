import { TAG } from '@headgate/contracts/registry';
import { beforeEach, describe, expect, it } from 'vitest';
import { fakeInference, fakeRegistry } from '../testing/fake-registry.ts';
import { BAD, GOOD, MODEL, policyOf, type RolloutBench, rolloutBench } from '../testing/rollout-bench.ts';
import { FollowedRegistry } from './followed-registry.ts';
import { Follower } from './follower.ts';

let bench: RolloutBench;
let registry: ReturnType<typeof fakeRegistry>;
let inference: ReturnType<typeof fakeInference>;
let followed: FollowedRegistry;
let round: (staged?: 'load' | 'serve') => Promise<void>;

beforeEach(async () => {
  bench = await rolloutBench();
  const versions = ['1', '2', '3', '4', '5'];
  registry = fakeRegistry(MODEL, versions);
  inference = fakeInference(MODEL, versions);
  const logger = { info: () => undefined, warn: bench.log, error: bench.log };
  followed = new FollowedRegistry({ registry, nowMs: bench.clock.epochMs, logger });
  const { away } = bench;
  const { routing, rollouts, figures, audited: changes } = bench;
  const around = { followed, registry, inference, routing, rollouts, figures, changes, logger };
  const follower = (staged: 'load' | 'serve') =>
    new Follower({ ...around, staged, follows: () => away.leader });
  const followers = { load: follower('load'), serve: follower('serve') };
  round = (staged = 'load') => followers[staged].round();
});

const table = () => {
  const of = bench.routing.current().routing.models[MODEL];
  if (!of) throw new Error('the model is gone');
  return of;
};

describe('the alias staging', () => {
  it('loads its version, without traffic, and unloads it when it leaves', async () => {
    registry.alias('staging', '4');
    const { experiment } = table();
    await round();
    expect(table()).toMatchObject({ versions: ['1', '2', '3', '4'], staged: ['4'], experiment });
    registry.alias('staging', '5');
    await round();
    expect(table()).toMatchObject({ versions: ['1', '2', '3', '5'], staged: ['5'] });
    registry.alias('staging', null);
    await round();
    expect(table()).toEqual({ versions: ['1', '2', '3'], experiment });
    expect(bench.changes.map(({ action, keyId }) => [action, keyId])).toEqual([
      ['routing.write', undefined],
      ['routing.write', undefined],
      ['routing.write', undefined],
    ]);
  });

  it('leaves the candidate loaded when it moves on to the next version', async () => {
    for (const alias of ['staging', 'candidate'] as const) registry.alias(alias, '4');
    await round();
    registry.alias('staging', '5');
    await round();
    expect(table()).toMatchObject({ versions: ['1', '2', '3', '4', '5'], staged: ['4', '5'] });
    registry.alias('candidate', null);
    await round();
    expect(table().staged).toEqual(['5']);
  });

  it('changes nothing a second time', async () => {
    registry.alias('staging', '4');
    await round();
    const [{ revision }, calls] = [bench.routing.current(), registry.changes.length];
    await round();
    expect([bench.routing.current().revision, registry.changes.length]).toEqual([revision, calls]);
  });

  it('loads no version whose registration has not ended', async () => {
    registry.alias('staging', '4');
    registry.tag('4', TAG.manifest, undefined);
    await round();
    expect(table().versions).toEqual(['1', '2', '3']);
  });

  it('leaves versions alone that an operator loads', async () => {
    registry.alias('staging', '3');
    await round();
    registry.alias('staging', null);
    await round();
    expect(table().versions).toEqual(['1', '2', '3']);
  });

  it('does not take a version away that the experiment, a shadow or a return needs', async () => {
    registry.alias('staging', '4');
    await round();
    await bench.start(policyOf([50, 100]), '4');
    bench.gateways.loads('4');
    await bench.seconds(5, GOOD);
    registry.alias('staging', '5');
    await round();
    expect(table().versions).toEqual(['1', '2', '3', '4', '5']);
    await bench.seconds(30, GOOD);
    expect(table().experiment.variants).toMatchObject([{ version: '4', weight: 100 }]);
    bench.gateways.loads('5');
    await bench.start(policyOf([50, 100]), '5');
    await bench.seconds(30, GOOD);
    registry.alias('staging', null);
    await round();
    // 4 is what a rollback returns to.
    expect([table().versions, table().staged]).toEqual([
      ['1', '2', '3', '4', '5'],
      ['4', '5'],
    ]);
  });

  it('says once that there is no room for another version', async () => {
    const many = Array.from({ length: 16 }, (_, index) => `"${index + 1}"`).join(', ');
    bench.edit((text) => text.replace('["1", "2", "3"]', `[${many}]`));
    registry.add('17');
    registry.alias('staging', '17');
    await bench.seconds(1, GOOD);
    await round();
    await round();
    expect(table().versions).toHaveLength(16);
    expect(JSON.stringify(bench.logged)).toContain('no room for version 17');
  });

  it('waits while the table of an operator is refused', async () => {
    registry.alias('staging', '4');
    bench.edit((text) => `${text}nonsense: 1\n`);
    await bench.seconds(1, GOOD);
    await round();
    expect([table().versions, bench.changes]).toEqual([['1', '2', '3'], []]);
    bench.edit((text) => text.replace('nonsense: 1\n', ''));
    await bench.seconds(1, GOOD);
    await round();
    expect(table().versions).toEqual(['1', '2', '3', '4']);
  });

  it('is followed by the process that leads alone', async () => {
    registry.alias('staging', '4');
    bench.away.leader = 'The pod b leads.';
    await round();
    expect([table().versions, registry.changes, followed.state().state]).toEqual([['1', '2', '3'], [], 'ok']);
  });
});

describe('an installation that serves what is staged', () => {
  it('gives it all units once it is ready, and goes back to the champion when the alias leaves', async () => {
    registry.alias('champion', '1');
    registry.alias('staging', '4');
    await round('serve');
    expect(bench.weights()).toEqual([90, 10]);
    bench.gateways.loads('4');
    await bench.seconds(1, GOOD);
    await round('serve');
    expect(table().experiment.variants).toEqual([{ name: 'v4', version: '4', weight: 100 }]);
    registry.alias('staging', null);
    await round('serve');
    expect(table().experiment.variants).toEqual([{ name: 'v1', version: '1', weight: 100 }]);
    expect(registry.changes).toEqual([]);
  });

  it('goes back to the control of before where there is no champion', async () => {
    for (const version of ['4', '5']) {
      registry.alias('staging', version);
      await round('serve');
      bench.gateways.loads(version);
      await bench.seconds(1, GOOD);
      await round('serve');
      expect(table().experiment.variants).toEqual([
        { name: `v${version}`, version, weight: 100 },
        { name: 'before', version: '1', weight: 0 },
      ]);
    }
    registry.alias('staging', null);
    await round('serve');
    await round('serve');
    expect(table()).toMatchObject({
      versions: ['1', '2', '3'],
      experiment: { variants: [{ name: 'v1', version: '1', weight: 100 }] },
    });
  });

  it('leaves a rollout as it is', async () => {
    registry.alias('staging', '3');
    await bench.start(policyOf([50, 100]), '2');
    await bench.seconds(5, GOOD);
    await round('serve');
    expect(bench.weights()).toEqual([50, 50]);
  });
});

describe('the registry', () => {
  it('has the control as its champion, and the stage of each version', async () => {
    registry.alias('staging', '3');
    registry.alias('candidate', '2');
    await round();
    expect(registry.aliases()).toEqual({ staging: '3', candidate: '2', champion: '1' });
    expect(registry.stages()).toEqual({ 1: 'Production', 2: 'Staging', 3: 'Staging' });
    await bench.start(policyOf([100]), '2');
    await bench.seconds(30, GOOD);
    await round();
    expect(registry.aliases()).toEqual({ staging: '3', champion: '2' });
    expect(registry.stages()).toEqual({ 1: 'Archived', 2: 'Production', 3: 'Staging' });
    registry.alias('staging', '2');
    await round();
    expect(registry.aliases()).toEqual({ champion: '2' });
  });

  it.each([
    ['one process serves another content', ['a'.repeat(64), 'b'.repeat(64)]],
    ['no process has it yet', []],
  ])('is told nothing of a control of which %s', async (_, digests) => {
    registry.alias('champion', '2');
    registry.tag('2', TAG.stage, 'Production');
    inference.contents.set('1', digests);
    await round();
    await round();
    expect(registry.changes).toEqual([]);
    expect(bench.logged.map((one) => String(Object(one).err))).toEqual(
      digests.length === 0
        ? []
        : [expect.stringContaining('another content as version 1 than the registered')],
    );
    inference.contents.set('1', ['a'.repeat(64)]);
    await round();
    expect([registry.aliases(), registry.stages()]).toEqual([
      { champion: '1' },
      { 1: 'Production', 2: 'Archived' },
    ]);
  });

  it('is told the stages of other versions although the control is served with another content', async () => {
    inference.contents.set('1', ['b'.repeat(64)]);
    registry.alias('champion', '2');
    registry.tag('2', TAG.stage, 'Production');
    registry.alias('staging', '3');
    await round();
    expect(registry.stages()).toEqual({ 2: 'Production', 3: 'Staging' });
  });

  it('that refuses a write is named although the control is served with another content', async () => {
    inference.contents.set('1', ['b'.repeat(64)]);
    await round();
    registry.alias('staging', '3');
    registry.setTag = () => Promise.reject(new Error('read only'));
    await round();
    await round();
    expect(bench.logged.map((one) => String(Object(one).err))).toEqual([
      expect.stringContaining('another content'),
      'Error: read only',
    ]);
  });

  it('has a control as its champion that was registered from the folder that is served', async () => {
    inference.contents.set('1', ['c'.repeat(64)]);
    registry.tag('1', TAG.folder, 'c'.repeat(64));
    await round();
    expect(registry.aliases()).toEqual({ champion: '1' });
  });

  it('loses the candidate that was rolled back although the control is served with another content', async () => {
    inference.contents.set('1', ['b'.repeat(64)]);
    registry.alias('candidate', '2');
    await bench.start(policyOf([50, 100]), '2');
    await bench.act('rollback');
    await round();
    expect([registry.aliases(), registry.tagOf('2', TAG.rejected)]).toEqual([{}, expect.any(String)]);
  });

  it('loses the candidate that was rolled back, with the reason, once', async () => {
    registry.alias('candidate', '2');
    registry.alias('staging', '2');
    await bench.start(policyOf([50, 100]), '2');
    await bench.seconds(5, GOOD);
    await bench.seconds(5, BAD);
    await round();
    const { id } = await bench.now();
    expect(registry.aliases()).toEqual({ champion: '1' });
    expect(registry.tagOf('2', TAG.rejected)).toMatch(
      `rollout ${id} was rolled back by control: error_rate: `,
    );
    registry.alias('candidate', '2');
    await round();
    expect(registry.aliases()).toMatchObject({ candidate: '2' });
  });

  it.each([
    ['rejects with words of their own', 'blurry cats'],
    ['forgives', undefined],
  ])('keeps what a person %s after a rollback', async (_, words) => {
    await bench.start(policyOf([50, 100]), '2');
    await bench.act('rollback');
    await round();
    registry.tag('2', TAG.rejected, words);
    registry.alias('candidate', '2');
    await round();
    expect([registry.aliases().candidate, registry.tagOf('2', TAG.rejected)]).toEqual(['2', words]);
  });

  it('does not say of the control that it was rejected', async () => {
    registry.tag('1', TAG.rejected, 'slow');
    await round();
    expect(registry.tagOf('1', TAG.rejected)).toBeUndefined();
  });

  it('is told what is served although the table cannot be written', async () => {
    registry.alias('staging', '4');
    bench.away.audit = true;
    await round();
    expect([registry.aliases().champion, bench.logged.length]).toEqual(['1', 1]);
  });

  it('is told nothing more once another process leads', async () => {
    const { setAlias } = registry;
    registry.setAlias = async (...asked) => {
      await setAlias(...asked);
      bench.away.leader = 'The pod b leads.';
    };
    await round();
    expect(registry.changes).toEqual([{ call: 'alias', of: ['champion', '1'] }]);
  });

  it('that is away changes nothing, is named once, and is followed again', async () => {
    registry.alias('staging', '4');
    await round();
    registry.away = true;
    const { revision } = bench.routing.current();
    await round();
    await round();
    expect(bench.routing.current().revision).toBe(revision);
    expect(followed.state()).toMatchObject({
      state: 'unreachable',
      detail: expect.stringContaining('MLflow: registered-models/search: ECONNREFUSED'),
      checked_at_ms: expect.any(Number),
    });
    expect(followed.model(MODEL)?.versions).toHaveLength(5);
    const named = bench.logged.filter((one) => String(Object(one).err).includes('ECONNREFUSED'));
    expect(named).toHaveLength(1);
    registry.away = false;
    registry.alias('staging', null);
    await round();
    expect([followed.state().state, table().versions]).toEqual(['ok', ['1', '2', '3']]);
  });

  it('is asked once for the metrics of a run', async () => {
    await round();
    await round();
    expect(registry.metricCalls).toBe(5);
    expect(followed.model(MODEL)?.versions[0]).toMatchObject({ version: '5', metrics: { accuracy: 0.9 } });
  });
});
