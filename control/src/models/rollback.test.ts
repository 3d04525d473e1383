import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { GOOD, MODEL, policyOf, type RolloutBench, rolloutBench } from '../testing/rollout-bench.ts';
import { rollBack } from './rollback.ts';

let bench: RolloutBench;
/** What happens while a rollback waits. */
let meanwhile: () => Promise<unknown>;

beforeEach(async () => {
  bench = await rolloutBench();
  meanwhile = async () => undefined;
});

const rollback = (asked: { to?: string; why?: string } = {}) => {
  const { routing, rollouts, figures, audited: changes, clock } = bench;
  const pause = async (ms: number) => {
    clock.advance(ms);
    await meanwhile();
  };
  return rollBack({ routing, rollouts, figures, changes, clock, pause }, MODEL, asked, 'user:ann');
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

  it('to the control, or of no model, is refused', async () => {
    await expect(rollback({ to: '1' })).rejects.toMatchObject({
      detail: 'Version 1 is the control already.',
    });
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

  it('that is not ready within a minute switches nothing', async () => {
    await expect(rollback({ to: '9' })).rejects.toMatchObject({
      reason: 'conflict',
      detail: expect.stringContaining(
        'Version 9 was not ready within 60 s (version 9 is not ready on gateway-1)',
      ),
    });
    expect(bench.weights()).toEqual([90, 10]);
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
