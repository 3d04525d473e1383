import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { BAD, GOOD, MODEL, policyOf, type RolloutBench, rolloutBench } from '../testing/rollout-bench.ts';

let bench: RolloutBench;

beforeEach(async () => {
  bench = await rolloutBench();
});

const kind = async () => (await bench.now()).state.kind;
const text = () => readFileSync(bench.path, 'utf8');
const comment = (before: string) => `# another line\n${before}`;
const weights = (control: number, candidate: number) => (before: string) =>
  before
    .replace(/weight: \d+/, `weight: ${control}`)
    .replace(/(weight: \d+[\s\S]*?weight:) \d+/, `$1 ${candidate}`);

/** At 10 % of 10, 50, 100. */
const atTen = async () => {
  await bench.start(policyOf([10, 50, 100]));
  await bench.seconds(2, GOOD);
  expect(bench.weights()).toEqual([90, 10]);
};

describe('what was saved and not written to the table is written after a restart and another edit', () => {
  it.each([
    ['a rollback', comment],
    ['a rollback, also over an edit of its own model', weights(40, 60)],
  ])('%s', async (_, edit) => {
    await atTen();
    bench.away.table = true;
    await bench.seconds(5, BAD);
    expect([await kind(), bench.weights()]).toEqual(['rolled_back', [90, 10]]);
    bench.away.table = false;
    bench.edit(edit);
    await bench.restart();
    await bench.seconds(1, GOOD);
    expect(bench.weights()).toEqual([100, 0]);
  });

  it('a step', async () => {
    await atTen();
    bench.away.table = true;
    await bench.seconds(4, GOOD);
    bench.away.table = false;
    bench.edit(comment);
    await bench.restart();
    await bench.seconds(1, GOOD);
    expect([await kind(), bench.weights()]).toEqual(['running', [50, 50]]);
  });
});

describe('a table that is refused', () => {
  const broken = (before: string) => before.replace('weight: 90', 'weight: ninety');

  it('pauses the rollout, and stays as it is', async () => {
    await atTen();
    bench.edit(broken);
    const before = text();
    await bench.seconds(20, GOOD);
    expect([await kind(), text()]).toEqual(['paused', before]);
    await expect(bench.act('resume')).rejects.toMatchObject({ reason: 'conflict' });
    await expect(bench.start(policyOf([100]), '3')).rejects.toMatchObject({ reason: 'conflict' });
    bench.edit((wrong) => wrong.replace('weight: ninety', 'weight: 90'));
    await bench.act('resume');
    await bench.seconds(1, GOOD);
    expect([await kind(), bench.weights()]).toEqual(['running', [90, 10]]);
  });

  it('is written over by a rollback', async () => {
    await atTen();
    bench.edit(broken);
    await bench.seconds(4, BAD);
    expect([await kind(), bench.weights(), bench.routing.current().refused]).toEqual([
      'rolled_back',
      [100, 0],
      [],
    ]);
  });
});

it('a paused rollout never writes the step that an edit kept from the table', async () => {
  await atTen();
  bench.away.table = true;
  await bench.seconds(4, GOOD);
  expect((await bench.now()).weight).toBe(50);
  bench.away.table = false;
  bench.edit(weights(95, 5));
  await bench.seconds(1, GOOD);
  expect(await kind()).toBe('paused');
  bench.edit(weights(90, 10));
  await bench.seconds(20, GOOD);
  expect([await kind(), bench.weights()]).toEqual(['paused', [90, 10]]);
});

describe('a rollback takes all units and the first place from a candidate', () => {
  const rolledBackFrom = async (edit: (text: string) => string) => {
    await atTen();
    bench.edit(edit);
    await bench.seconds(4, BAD);
    expect(await kind()).toBe('rolled_back');
    const { variants } = bench.routing.current().routing.models[MODEL]?.experiment ?? {};
    return variants?.map(({ name, weight }) => [name, weight]);
  };
  const variantLines =
    /( +- \{ name: one.*\n| +- name: one\n.*\n.*\n)( +- \{ name: two.*\n| +- name: two\n.*\n.*\n)/;

  it('that an editor put first', async () => {
    expect(await rolledBackFrom((before) => before.replace(variantLines, '$2$1'))).toEqual([
      ['one', 100],
      ['two', 0],
    ]);
  });

  it('beside a control with another name', async () => {
    const renamed = (before: string) => before.replace('name: one', 'name: other');
    expect(await rolledBackFrom((before) => renamed(before.replace(variantLines, '$2$1')))).toEqual([
      ['other', 100],
      ['two', 0],
    ]);
  });

  it('that an editor left alone', async () => {
    const alone = (before: string) => before.replace(variantLines, '$2').replace('weight: 10', 'weight: 100');
    expect(await rolledBackFrom(alone)).toEqual([
      ['one', 100],
      ['two', 0],
    ]);
  });
});

it('a rollback of a model that an editor removed is over', async () => {
  await atTen();
  bench.edit((before) => before.replaceAll(/\bm:/g, 'n:').replace('default_model: m', 'default_model: n'));
  await bench.seconds(1, GOOD);
  const before = text();
  await bench.act('rollback');
  await bench.seconds(2, GOOD);
  expect([await kind(), text()]).toEqual(['rolled_back', before]);
});
