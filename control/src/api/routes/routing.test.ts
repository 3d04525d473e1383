import type { Explanation, RoutingView, WeightsPreview } from '@headgate/contracts/admin/api';
import { assign, bucketOf } from '@headgate/runtime/routing/assign';
import { beforeEach, describe, expect, it } from 'vitest';
import { ADMIN_KEY, adminApp, problemOf } from '../../testing/admin-app.ts';
import { MODEL, policyOf, type RolloutBench, rolloutBench } from '../../testing/rollout-bench.ts';
import { rolloutRoutes } from './rollouts.ts';
import { routingRoutes } from './routing.ts';

let bench: RolloutBench;
let seen: number | null;
let ask: (method: string, path: string, body?: unknown) => Promise<Response>;

beforeEach(async () => {
  bench = await rolloutBench();
  seen = null;
  const recentUnits = { of: async () => seen };
  const { rollouts, routing, figures, audited } = bench;
  const policies = { default: policyOf([10, 100]) };
  const groups = [
    rolloutRoutes({ rollouts, policies }),
    routingRoutes({ routing, rollouts, figures, recentUnits, changes: audited }),
  ];
  const { api } = adminApp({ groups });
  ask = (method, path, body) => api(method, path, { 'x-api-key': ADMIN_KEY }, body);
});

const view = async () => (await (await ask('GET', '/routing')).json()) as RoutingView;
const refusal = async (answer: Response) => {
  const { reason, detail } = await problemOf(answer);
  return [answer.status, reason, detail];
};

describe('weights', () => {
  const put = (revision: string, weights: object, model = MODEL) =>
    ask('PUT', `/routing/${model}/weights`, { revision, weights });

  it('are written for whom asks, on record, and the second of two editors is told', async () => {
    const { revision } = await view();
    const first = await put(revision, { one: 40, two: 60 });
    expect(await first.json()).toMatchObject({ changed_by: 'key:admin1', refused: [] });
    expect(bench.changes.at(-1)).toMatchObject({
      action: 'routing.write',
      keyId: 'admin1',
      detail: { model: MODEL, revision_before: revision },
    });
    const second = await put(revision, { one: 30, two: 70 });
    expect((await refusal(second)).slice(0, 2)).toEqual([409, 'conflict']);
    expect(bench.weights()).toEqual([40, 60]);
  });

  it.each([
    ['a sum that is not 100', { one: 50, two: 60 }, 'the weights add up to 110 %, not to 100 %'],
    ['more than two decimals', { one: 90, two: 10.001 }, 'write 0 to 100 with at most two decimals'],
    ['a variant that is missing', { one: 100 }, 'give a weight to two too'],
    ['a variant that is not there', { one: 50, two: 50, __proto__x: 0 }, 'choose one, two'],
  ])('are refused with %s', async (_, weights, detail) => {
    const { revision } = await view();
    expect(await refusal(await put(revision, weights))).toEqual([
      400,
      'invalid',
      expect.stringContaining(detail),
    ]);
    const preview = (await (
      await ask('POST', `/routing/${MODEL}/preview`, { weights })
    ).json()) as WeightsPreview;
    expect(preview).toEqual({ issues: [expect.stringContaining(detail)], moves: [] });
    expect(bench.weights()).toEqual([90, 10]);
  });

  it('of no model are not found', async () => {
    const { revision } = await view();
    for (const model of ['other', '__proto__', 'constructor']) {
      expect((await put(revision, { one: 100, two: 0 }, model)).status).toBe(404);
    }
  });

  it('are those of the rollout, until it is paused', async () => {
    await bench.start(policyOf([10, 100]));
    const { revision } = await view();
    expect(await refusal(await put(revision, { one: 50, two: 50 }))).toEqual([
      409,
      'conflict',
      expect.stringContaining('pause it, or roll it back'),
    ]);
    await bench.act('pause');
    expect((await put(revision, { one: 50, two: 50 })).status).toBe(200);
  });

  it('are not changed while the audit log takes nothing', async () => {
    bench.away.audit = true;
    const { revision } = await view();
    expect((await refusal(await put(revision, { one: 50, two: 50 }))).slice(0, 2)).toEqual([
      503,
      'store_unavailable',
    ]);
    expect(bench.weights()).toEqual([90, 10]);
  });
});

describe('a version', () => {
  const add = (version: string, weight: number, model: string, revision?: string) =>
    view().then(({ revision: newest }) =>
      ask('POST', `/routing/${model}/versions`, { revision: revision ?? newest, version, weight }),
    );

  it('is added for whom asks, on record', async () => {
    const { revision } = await view();
    const answer = await add('7', 100, 'shoes');
    expect(await answer.json()).toMatchObject({
      changed_by: 'key:admin1',
      routing: { models: { shoes: { versions: ['7'] } } },
    });
    expect(bench.changes.at(-1)).toMatchObject({
      action: 'routing.write',
      detail: { model: 'shoes', revision_before: revision, version: '7', weight: 100 },
    });
    expect((await refusal(await add('8', 0, 'shoes', revision))).slice(0, 2)).toEqual([409, 'conflict']);
  });

  it.each([
    ['a/b', 100, 'shoes'],
    ['7', 60, 'shoes'],
    ['7', 100, 'not allowed'],
    ['7', 0.001, MODEL],
  ])('%s with %d %% for %s is refused, and not on record', async (version, weight, model) => {
    const before = bench.changes.length;
    const answer = await add(version, weight, encodeURIComponent(model));
    expect((await refusal(answer)).slice(0, 2)).toEqual([400, 'invalid']);
    expect(bench.changes).toHaveLength(before);
  });
});

it.each([
  [null, null],
  [0, 0],
  [2001, 310],
])('a preview says who would move, exactly, with %j units of the last day', async (units, moved) => {
  seen = units;
  const weights = { one: 74.5, two: 25.5 };
  const answer = await ask('POST', `/routing/${MODEL}/preview`, { weights });
  expect(await answer.json()).toEqual({
    issues: [],
    moves: [{ from: 'one', to: 'two', share: 15.5, units: moved }],
  });
});

describe('an explanation', () => {
  const explain = async (query: string) => {
    const answer = await ask('GET', `/routing/${MODEL}/explain?${query}`);
    return (await answer.json()) as Explanation;
  };

  it('is that of the gateway, for each unit', async () => {
    const { experiment } = bench.routing.current().routing.models[MODEL] ?? {};
    if (!experiment) throw new Error('no experiment');
    for (let index = 0; index < 200; index += 1) {
      const unit = `user-${index}`;
      const { assigned, served, bucket, range } = await explain(`unit=${unit}`);
      expect(assigned.variant).toBe(assign(experiment, unit).name);
      expect([bucket, served]).toEqual([bucketOf(experiment.salt, unit), assigned]);
      expect(bucket >= range[0] && bucket < range[1]).toBe(true);
    }
  });

  it('says that control serves while the version is not ready, and where', async () => {
    bench.gateways.unready.add('2');
    const { experiment } = bench.routing.current().routing.models[MODEL] ?? {};
    const unit = Array.from({ length: 100 }, (_, index) => `u${index}`).find(
      (one) => experiment && assign(experiment, one).version === '2',
    );
    const { assigned, served, why, rule } = await explain(`key=${unit}`);
    expect([assigned.version, served.version, rule]).toEqual(['2', '1', 'api key']);
    expect(why.at(-1)).toBe('Its version 2 is not ready on gateway-1, so control (one) answers.');
  });

  it.each(['', 'unit=', 'unit=a%20b', `unit=${'x'.repeat(129)}`])('is refused for %j', async (query) => {
    expect((await ask('GET', `/routing/${MODEL}/explain?${query}`)).status).toBe(400);
  });
});

describe('a start', () => {
  const start = (body: object) => ask('POST', '/rollouts', body);

  it('is refused for a version that is not in the model repository, by the names of those that are', async () => {
    const refused = async (version: string) => refusal(await start({ model: MODEL, version }));
    bench.repository(['1', '2', '10']);
    const detail = 'The model repository has no version 9 of the model, but: 1, 2, 10.';
    expect(await refused('9')).toEqual([400, 'invalid', detail]);
    bench.repository([]);
    expect(await refused('2')).toEqual([400, 'invalid', expect.stringContaining('but: none.')]);
    expect([await bench.rollouts.list(), bench.changes]).toEqual([[], []]);
    bench.repository(['1', '2']);
    expect((await start({ model: MODEL, version: '2' })).status).toBe(201);
  });

  it('is taken while nobody knows what is in the model repository', async () => {
    bench.repository(undefined);
    expect((await start({ model: MODEL, version: '9' })).status).toBe(201);
  });

  it.each([
    ['a model that is not served', { model: 'other', version: '2' }, 404, 'no such model'],
    ['the version of control', { model: MODEL, version: '1' }, 400, 'Version 1 is the control already'],
    [
      'a policy of no name',
      { model: MODEL, version: '2', policy: 'none' },
      400,
      'the configuration has: default',
    ],
    [
      'a policy without guardrails',
      { model: MODEL, version: '2', policy: { steps: [{ weight: 5 }], guardrails: [] } },
      400,
      'guardrails',
    ],
    [
      'steps that shrink',
      {
        model: MODEL,
        version: '2',
        policy: { steps: [{ weight: 5 }, { weight: 5 }], guardrails: [{ metric: 'srm' }] },
      },
      400,
      'larger weight',
    ],
    ['a version that is no name', { model: MODEL, version: '../2' }, 400, 'version'],
    ['no body', {}, 400, 'model'],
  ])('is refused for %s', async (_, body, status, detail) => {
    const answer = await start(body);
    expect([answer.status, (await problemOf(answer)).detail]).toEqual([
      status,
      expect.stringContaining(detail),
    ]);
    expect(await bench.rollouts.list()).toEqual([]);
  });

  it('is answered with the rollout, which the actions then change', async () => {
    const answer = await start({ model: MODEL, version: '2' });
    const { id, state } = (await answer.json()) as { id: string; state: object };
    expect([answer.status, state]).toMatchObject([201, { kind: 'preparing' }]);
    expect((await start({ model: MODEL, version: '3' })).status).toBe(409);
    expect((await ask('POST', `/rollouts/${id}/rollback`, { why: 'a test' })).status).toBe(200);
    const after = await ask('GET', `/rollouts/${id}`);
    expect(await after.json()).toMatchObject({
      state: { kind: 'rolled_back', by: 'key:admin1', why: 'a test' },
    });
    expect((await ask('POST', `/rollouts/${id}/explode`, {})).status).toBe(404);
    expect((await ask('GET', '/rollouts/other')).status).toBe(404);
  });
});
