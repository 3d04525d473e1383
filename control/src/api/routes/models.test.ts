import type { ModelsView } from '@headgate/contracts/admin/api';
import { TAG } from '@headgate/contracts/registry';
import { beforeEach, describe, expect, it } from 'vitest';
import { approve, reject } from '../../models/approvals.ts';
import { FollowedRegistry } from '../../models/followed-registry.ts';
import { modelsView } from '../../models/models-view.ts';
import { ADMIN_KEY, adminApp, problemOf } from '../../testing/admin-app.ts';
import { fakeInference, fakeRegistry } from '../../testing/fake-registry.ts';
import { MODEL, policyOf, type RolloutBench, rolloutBench } from '../../testing/rollout-bench.ts';
import { modelRoutes } from './models.ts';

let bench: RolloutBench;
let registry: ReturnType<typeof fakeRegistry>;
let inference: ReturnType<typeof fakeInference>;
let ask: (method: string, path: string, body?: unknown) => Promise<Response>;

beforeEach(async () => {
  bench = await rolloutBench();
  registry = fakeRegistry(MODEL, ['1', '2', '3', '4']);
  inference = fakeInference(MODEL, ['1', '2', '3']);
  ask = askOf(registry);
});

/** Version 3 does not load. */
const problems = async () => (_: string, version: string) =>
  version === '3' ? 'its digest differs' : undefined;

function askOf(client: typeof registry | undefined, staged: 'load' | 'serve' = 'load'): typeof ask {
  const { routing, rollouts, audited: changes } = bench;
  const logger = { info: () => undefined, warn: () => undefined };
  const followed = new FollowedRegistry({ registry: client, nowMs: () => 7, logger });
  const policies = { default: policyOf([10, 100]), fast: policyOf([100]) };
  const deps = { followed, inference, routing, rollouts, policies, changes, staged };
  const groups = [
    modelRoutes({
      models: {
        view: async (pods) => {
          await followed.read();
          return modelsView({ ...deps, pods, problems });
        },
        approve: (...asked) => approve(deps, ...asked),
        reject: (...asked) => reject(deps, ...asked),
        rollBack: async () => ({ from: '2', to: '1', took_ms: 1 }),
      },
      pods: { refresh: async () => undefined, ofVersion: () => [{ address: 'a', ready: true }] },
      readRecords: () => Promise.reject(new Error('not asked')),
      now: () => 7,
    }),
  ];
  const { api } = adminApp({ groups });
  return (method, path, body) => api(method, path, { 'x-api-key': ADMIN_KEY }, body);
}

const refusal = async (answer: Response) => {
  const { reason, detail } = await problemOf(answer);
  return [answer.status, reason, detail];
};

describe('an approval', () => {
  const post = (body: object) => ask('POST', `/models/${MODEL}/approve`, body);

  it('starts the rollout of the candidate, for whom asks, on record', async () => {
    registry.alias('candidate', '2');
    const answer = await post({ version: '2', policy: 'fast', why: 'looks good' });
    expect(answer.status).toBe(201);
    const { id, policy } = await bench.now();
    expect([policy.steps.length, await answer.json()]).toMatchObject([1, { id, started_by: 'key:admin1' }]);
    expect(bench.changes.map(({ action, keyId }) => [action, keyId])).toEqual([
      ['rollout.start', 'admin1'],
      ['model.approve', 'admin1'],
    ]);
    expect(bench.changes[1]?.detail).toEqual({ model: MODEL, version: '2', rollout: id, why: 'looks good' });
    expect((await post({ version: '2' })).status).toBe(409);
  });

  it.each([
    ['a version that is not the candidate', '3', 409, 'is not the candidate, version 2 is'],
    ['a version that is not complete', '2', 409, 'is not complete'],
  ])('of %s is refused', async (_, version, status, detail) => {
    registry.alias('candidate', '2');
    registry.tag('2', TAG.manifest, undefined);
    expect(await refusal(await post({ version }))).toEqual([
      status,
      'conflict',
      expect.stringContaining(detail),
    ]);
    expect([await bench.rollouts.list(), bench.changes]).toEqual([[], []]);
  });

  it.each([
    ['served with another content', ['b'.repeat(64)], 'another content as version 2 than the registered'],
    ['ready nowhere', [], 'No inference process has version 2 ready'],
  ])('of a version that is %s is refused', async (_, digests, detail) => {
    registry.alias('candidate', '2');
    inference.contents.set('2', digests);
    expect(await refusal(await post({ version: '2' }))).toEqual([
      409,
      'conflict',
      expect.stringContaining(detail),
    ]);
    expect(bench.changes).toEqual([]);
  });

  it('is refused while the registry is away, and without one', async () => {
    registry.away = true;
    const away = await refusal(await post({ version: '2' }));
    expect(away).toEqual([503, 'store_unavailable', expect.stringContaining('Nothing was changed')]);
    ask = askOf(undefined);
    expect(await refusal(await post({ version: '2' }))).toEqual([
      409,
      'conflict',
      'No registry is configured: set registry.url.',
    ]);
  });
});

describe('a rejection', () => {
  const post = (body: object) => ask('POST', `/models/${MODEL}/reject`, body);

  it('a rejection takes the aliases from the version, says why, and answers with the remaining ones', async () => {
    registry.alias('candidate', '2');
    registry.alias('staging', '2');
    registry.alias('champion', '1');
    const answer = await post({ version: '2', why: 'blurry cats' });
    const { models } = (await answer.json()) as ModelsView;
    const version = models[0]?.versions.find((one) => one.version === '2');
    expect(version).toMatchObject({ aliases: [], rejected: 'blurry cats' });
    expect(registry.aliases()).toEqual({ champion: '1' });
    expect(bench.changes).toMatchObject([
      { action: 'model.reject', keyId: 'admin1', detail: { model: MODEL, version: '2', why: 'blurry cats' } },
    ]);
  });

  it('of the control, of a version in a rollout, or without a reason is refused', async () => {
    expect((await refusal(await post({ version: '1', why: 'x' })))[2]).toContain('is the control');
    await bench.start(policyOf([100]));
    expect((await refusal(await post({ version: '2', why: 'x' })))[2]).toContain('is in the rollout');
    expect((await refusal(await post({ version: '9', why: 'x' })))[0]).toBe(404);
    expect((await post({ version: '3' })).status).toBe(400);
    expect(registry.changes).toEqual([]);
  });

  it('of the control is what ends a test of staging, where staging serves it', async () => {
    ask = askOf(registry, 'serve');
    registry.alias('staging', '1');
    expect((await post({ version: '1', why: 'blurry' })).status).toBe(200);
    expect(registry.aliases()).toEqual({});
  });

  it('that is not on record changes nothing', async () => {
    bench.away.audit = true;
    expect((await post({ version: '3', why: 'x' })).status).toBe(503);
    expect(registry.changes).toEqual([]);
  });
});

describe('the list', () => {
  it('has the versions of the registry and of the table, newest first, with what each does', async () => {
    registry.alias('staging', '4');
    registry.tag('4', TAG.manifest, undefined);
    registry.tag('3', TAG.stage, 'Archived');
    registry.tag('3', TAG.dataVersion, 'd3');
    inference.contents.set('2', ['b'.repeat(64)]);
    bench.edit((text) => text.replace('["1", "2", "3"]', '["1", "2", "3", "x"]'));
    await bench.seconds(1, { requests: 1 });
    const { registry: state, models } = (await (await ask('GET', '/models')).json()) as ModelsView;
    expect(state).toEqual({ state: 'ok', detail: '', checked_at_ms: 7 });
    const rows = models[0]?.versions ?? [];
    expect(rows.map(({ version, role, complete, stage }) => [version, role, complete, stage])).toEqual([
      ['x', 'loaded', true, 'None'],
      ['4', null, false, 'None'],
      ['3', 'loaded', true, 'Archived'],
      ['2', 'treatment', true, 'None'],
      ['1', 'control', true, 'None'],
    ]);
    expect(rows[2]).toMatchObject({
      data_version: 'd3',
      metrics: { accuracy: 0.9 },
      run_id: 'run-3',
      pods: 1,
      problem: 'its digest differs',
    });
    expect(rows[1]).toMatchObject({ aliases: ['staging'], pods: 0, problem: null });
    expect(rows.filter((one) => one.content_differs).map(({ version }) => version)).toEqual(['2']);
  });

  it('shows what was read last while the registry is away', async () => {
    await ask('GET', '/models');
    registry.away = true;
    const { registry: state, models } = (await (await ask('GET', '/models')).json()) as ModelsView;
    expect(state).toMatchObject({ state: 'unreachable', checked_at_ms: 7 });
    expect(models[0]?.versions).toHaveLength(4);
  });
});

it.each(['limit=0', 'limit=1001', 'after=x', 'after=1_x_1', 'other=1'])(
  'sketches by %s are refused',
  async (query) => {
    expect((await ask('GET', `/models/${MODEL}/sketches?${query}`)).status).toBe(400);
  },
);
