import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { fakeRegistry } from '../testing/fake-registry.ts';
import { GOOD, MODEL, policyOf, type RolloutBench, rolloutBench } from '../testing/rollout-bench.ts';
import { FollowedRegistry } from './followed-registry.ts';
import { rollBack } from './rollback.ts';

let bench: RolloutBench;
/** What happens while a rollback waits. */
let meanwhile: () => Promise<unknown>;
let registry: ReturnType<typeof fakeRegistry>;
/** What the model repository has; undefined: nobody knows. */
let stored: string[] | undefined;
let staged: 'load' | 'serve';

beforeEach(async () => {
  bench = await rolloutBench();
  meanwhile = async () => undefined;
  registry = fakeRegistry(MODEL, ['1', '2', '3']);
  stored = ['1', '2', '3', '9'];
  staged = 'load';
});

const rollback = async (asked: { to?: string; why?: string } = {}) => {
  const { routing, rollouts, figures, audited: changes, clock } = bench;
  const logger = { info: bench.log, warn: bench.log };
  const followed = new FollowedRegistry({ registry, nowMs: clock.epochMs, logger });
  await followed.read();
  const pause = async (ms: number) => {
    clock.advance(ms);
    await meanwhile();
  };
  const versionsOf = async () => stored;
  const deps = { routing, rollouts, figures, followed, versionsOf, staged, changes, clock, pause };
  return rollBack(deps, MODEL, asked, 'user:ann');
};

const table = () => bench.routing.current().routing.models[MODEL];

async function promote(version: string): Promise<void> {
  await bench.start(policyOf([100]), version);
  await bench.seconds(20, GOOD);
}

describe('a rollback', () => {
  it('gives all units to the control of before the last promotion, by one write, on record', async () => {
    await promote('2');
    const revisions: string[] = [];
    bench.routing.onChange(({ revision }) => revisions.push(revision));
    expect(await rollback({ why: 'it sees cats' })).toMatchObject({ from: '2', to: '1' });
    expect(table()).toMatchObject({
      versions: ['1', '2', '3'],
      experiment: { variants: [{ name: 'one', version: '1', weight: 100 }] },
    });
    expect(revisions).toHaveLength(1);
    expect(bench.changes.at(-1)).toMatchObject({
      action: 'model.rollback',
      keyId: 'user:ann',
      detail: { model: MODEL, from: '2', version: '1', why: 'it sees cats' },
    });
  });

  it('of a rollback is refused: no promotion led there', async () => {
    await promote('2');
    await rollback();
    await expect(rollback()).rejects.toMatchObject({
      reason: 'conflict',
      detail: 'No rollout that is on record led to version 1: name the version to return to.',
    });
  });

  it('ends the rollout in progress instead', async () => {
    await bench.start(policyOf([50, 100]));
    await bench.seconds(3, GOOD);
    expect(await rollback({ why: 'slow' })).toMatchObject({ from: '2', to: '1' });
    expect((await bench.now()).state).toMatchObject({ kind: 'rolled_back', by: 'user:ann', why: 'slow' });
    expect(bench.weights()).toEqual([100, 0]);
  });

  it('to another version ends the rollout in progress first', async () => {
    await bench.start(policyOf([50, 100]));
    await bench.seconds(3, GOOD);
    expect(await rollback({ to: '3' })).toMatchObject({ from: '1', to: '3' });
    expect(table()?.experiment.variants).toMatchObject([{ version: '3', weight: 100 }]);
  });

  it('needs neither the store of rollouts nor the audit log', async () => {
    await promote('2');
    Object.assign(bench.away, { store: true, audit: true });
    await rollback();
    expect(table()?.experiment.variants).toMatchObject([{ version: '1', weight: 100 }]);
  });

  it('to the control is refused', async () => {
    await expect(rollback({ to: '1' })).rejects.toMatchObject({
      detail: 'Version 1 is the control already.',
    });
  });

  it('that the registry would undo is refused, and the one that it would do is not', async () => {
    staged = 'serve';
    registry.alias('champion', '1');
    registry.alias('staging', '2');
    await expect(rollback({ to: '3' })).rejects.toMatchObject({
      reason: 'conflict',
      detail: expect.stringContaining('reject version 2, or move the alias staging'),
    });
    expect(bench.weights()).toEqual([90, 10]);
    expect(await rollback({ to: '2' })).toMatchObject({ from: '1', to: '2' });
  });
});

describe('a rollback to a version that was unloaded', () => {
  it('loads it, and switches once every gateway that answers has it', async () => {
    bench.gateways.addresses = ['gateway-1', 'gateway-2'];
    bench.gateways.silent.add('gateway-2');
    const seen: unknown[] = [];
    meanwhile = async () => {
      seen.push([table()?.versions.includes('9'), bench.weights()]);
      if (seen.length === 3) bench.gateways.loads('9');
    };
    expect(await rollback({ to: '9' })).toMatchObject({ from: '1', to: '9', took_ms: 300 });
    expect(seen).toEqual(Array(3).fill([true, [90, 10]]));
    expect(table()?.experiment.variants).toEqual([{ name: 'v9', version: '9', weight: 100 }]);
  });

  it('that is not ready within a minute changes nothing in the end, on record', async () => {
    const before = table();
    await expect(rollback({ to: '9' })).rejects.toMatchObject({
      reason: 'conflict',
      detail: expect.stringContaining(
        'Version 9 was not ready within 60 s (version 9 is not ready on gateway-1)',
      ),
    });
    expect(table()).toEqual(before);
    const detail = { model: MODEL, version: '9' };
    expect(bench.changes).toMatchObject([
      { action: 'routing.write', keyId: 'user:ann', detail: { ...detail, why: 'loaded for a rollback' } },
      { action: 'routing.write', detail: { ...detail, why: 'unloaded after a rollback that failed' } },
    ]);
  });

  it('that nobody knows is refused at once', async () => {
    const { revision } = bench.routing.current();
    await expect(rollback({ to: '99' })).rejects.toMatchObject({
      reason: 'conflict',
      detail: expect.stringContaining('There is no version 99'),
    });
    expect([bench.routing.current().revision, bench.changes]).toEqual([revision, []]);
  });

  it.each([
    ['the registry is away', { away: true }],
    ['no process of inference answers', { stored: undefined }],
    ['only the registry has it', { registered: '99' }],
  ])('is waited for where %s', async (_, now) => {
    if ('stored' in now) stored = now.stored;
    if ('registered' in now) registry.add(now.registered);
    registry.away = 'away' in now;
    meanwhile = async () => bench.gateways.loads('99');
    expect(await rollback({ to: '99' })).toMatchObject({ to: '99' });
  });

  it('for which there is no room names what can go', async () => {
    const many = Array.from({ length: 16 }, (_, index) => `"${index + 1}"`).join(', ');
    bench.edit((text) => text.replace('["1", "2", "3"]', `[${many}]`));
    await bench.seconds(1, GOOD);
    registry.add('17');
    await expect(rollback({ to: '17' })).rejects.toMatchObject({
      reason: 'conflict',
      detail: expect.stringContaining('no room for version 17: remove one of 1, 2, 3'),
    });
  });

  it('goes on from what an editor wrote meanwhile', async () => {
    meanwhile = async () => {
      bench.edit((text) => text.replace('# edited by SREs', '# edited again'));
      bench.gateways.loads('9');
    };
    expect(await rollback({ to: '9' })).toMatchObject({ to: '9', took_ms: 200 });
    expect(readFileSync(bench.path, 'utf8')).toContain('# edited again');
  });
});
