import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RoutingView, ShadowReport } from '@headgate/contracts/admin/api';
import type { ShadowRecord } from '@headgate/contracts/records';
import { parseRouting } from '@headgate/contracts/routing';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { copyRunOf, idAt, NOW_MS, shadowOf } from '@headgate/stores/testing/records';
import { tempDir } from '@headgate/testkit/folders';
import { Hono } from 'hono';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { AdminError, type ApiEnv } from '../api/api-env.ts';
import { onError } from '../api/errors.ts';
import { type ShadowRoutesDeps, shadowRoutes } from '../api/routes/shadow.ts';
import { fileSource } from '../routing/file-source.ts';
import { SourcedRouting } from '../routing/routing-store.ts';
import { type EmbeddedDatabase, embeddedDatabase } from '../store/embedded-database.ts';
import { readRecords } from '../store/read-records.ts';
import { emptyStore } from '../testing/record-store.ts';

const TABLE = parseRouting({
  schema: 1,
  default_model: 'net',
  models: {
    net: {
      versions: ['1', '2', '3'],
      experiment: { name: 'e', salt: 's', variants: [{ name: 'control', version: '1', weight: 100 }] },
      shadows: [{ version: '2', sample: 12.5 }],
    },
  },
});
const signal = new AbortController().signal;
const AWAY = { query: () => Promise.reject(new Error('away')), script: async () => undefined };
const logger = { error: () => undefined };

let db: EmbeddedDatabase;
let routing: SourcedRouting;
let written: unknown[];
let path: string;

beforeAll(async () => {
  db = embeddedDatabase();
  await deliver([]);
}, 60_000);
afterAll(() => db.close());

beforeEach(async () => {
  path = join(tempDir(), 'routing.yaml');
  writeFileSync(path, stringify(TABLE));
  routing = new SourcedRouting(fileSource(path));
  await routing.refresh();
  written = [];
  await emptyStore(db);
});

const deliver = (records: readonly ShadowRecord[]) =>
  sqlSink({ db, retentionDays: 90, now: () => NOW_MS }).deliver(records, signal);

function ask(path: string, init: RequestInit = {}, deps: Partial<ShadowRoutesDeps> = {}) {
  const app = new Hono<ApiEnv>();
  app.use(async (c, next) => {
    c.set('actor', 'key:k1');
    await next();
  });
  const changes = { must: async (...change: unknown[]) => void written.push(change) };
  app.route(
    '/',
    shadowRoutes({ routing, readRecords: readRecords(db), now: () => NOW_MS, changes, ...deps }),
  );
  app.onError(onError(logger));
  return app.request(path, { headers: { 'content-type': 'application/json' }, ...init });
}

const report = async () => (await (await ask('/shadow/net')).json()) as ShadowReport;
const put = (body: object, deps: Partial<ShadowRoutesDeps> = {}) =>
  ask('/shadow/net', { method: 'PUT', body: JSON.stringify(body) }, deps);

/** Comparisons of one image each, `n` apart. */
const many = (count: number, changes: Partial<ShadowRecord>, from = 0) =>
  Array.from({ length: count }, (_, n) => shadowOf({ id: idAt(NOW_MS, from + n), ...changes }));
const unlike = (label: string) => copyRunOf({ label, agrees: false, score_change: -0.25, latency_ms: 10 });

describe('the report', () => {
  it('has agreement, noise, drift, confusion and latency, and says what they mean', async () => {
    await deliver([
      ...many(86, {}),
      ...many(10, { shadow: unlike('lynx') }, 100),
      ...many(4, { shadow: unlike('tabby') }, 200),
      ...many(3, { outcome: 'dropped', shadow: null, noise: null }, 300),
      ...many(2, { outcome: 'unavailable', shadow: null }, 400),
      ...many(1, { version: '9', shadow: unlike('of another control') }, 500),
    ]);
    const { shadows, ...rest } = await report();
    expect(rest).toEqual({
      model: 'net',
      at_ms: NOW_MS,
      revision: routing.current().revision,
      control_version: '1',
    });
    expect(shadows).toMatchObject([
      {
        version: '2',
        sample: 12.5,
        since_ms: NOW_MS,
        compared: 100,
        dropped: 3,
        failed: 2,
        agreement: { value: 0.86, compared: 100 },
        noise: { value: 1, high: 1, compared: 102 },
        confusion: [
          { control: 'tiger cat', shadow: 'lynx', count: 10 },
          { control: 'tiger cat', shadow: 'tabby', count: 4 },
        ],
        latency: { control_p50: 20, control_p95: 20, shadow_p50: 10, shadow_p95: 10 },
        label_order_differs: false,
      },
    ]);
    const [{ agreement, score_drift, sentence } = expect.fail('no result')] = shadows;
    // Wilson's interval of 86 in 100.
    expect([agreement?.low, agreement?.high]).toEqual([expect.closeTo(0.7786, 3), expect.closeTo(0.9147, 3)]);
    expect(score_drift?.mean).toBeCloseTo(-(86 * 0.135 + 14 * 0.25) / 100);
    expect(score_drift?.noise_absolute).toBe(0);
    expect(sentence).toBe(
      'Version 2 gives the same first label as the control for 86 % of 100 images; the control agrees with itself on 100 %. ' +
        'Noise does not explain the difference: version 2 answers differently.',
    );
  });

  it('does not take a few images for proof', async () => {
    await deliver([...many(9, {}), ...many(5, { shadow: unlike('lynx') }, 100)]);
    expect((await report()).shadows[0]?.sentence).toContain('Noise may explain');
  });

  it('calls no noise a difference: images on which control differs from itself as often', async () => {
    await deliver(many(9, {}));
    expect((await report()).shadows[0]?.sentence).toContain('No difference beyond noise');
    await deliver(many(40, { shadow: unlike('lynx') }, 100));
    await deliver(many(40, { noise: unlike('lynx') }, 200));
    const [{ sentence, noise } = expect.fail('no result')] = (await report()).shadows;
    expect([sentence, noise?.value]).toEqual([expect.stringContaining('Noise may explain'), 49 / 89]);
  });

  it('reports another order of labels, and compares names', async () => {
    await deliver(many(10, { label_order_differs: true }));
    const [{ agreement, label_order_differs, sentence } = expect.fail('no result')] = (await report())
      .shadows;
    expect([agreement?.value, label_order_differs]).toEqual([1, true]);
    expect(sentence).toContain('labels are compared by name');
  });

  it('does not call versions without a common name 0 % alike', async () => {
    await deliver(many(10, { label_order_differs: true, shadow: unlike('Tigerkatze') }));
    const [{ agreement, sentence } = expect.fail('no result')] = (await report()).shadows;
    expect(agreement).toBeNull();
    expect(sentence).toContain('cannot be compared');
  });

  it('has what is not compared any more, what is not compared yet, and nothing that is a week old', async () => {
    await deliver(many(1, { shadow_version: '3' }));
    await deliver([shadowOf({ id: idAt(NOW_MS - 8 * 86_400_000) })]);
    const { shadows } = await report();
    expect(shadows.map(({ version, sample, compared }) => [version, sample, compared])).toEqual([
      ['2', 12.5, 0],
      ['3', 0, 1],
    ]);
    expect(shadows[0]).toMatchObject({ since_ms: null, agreement: null, noise: null, latency: null });
    expect(shadows[0]?.sentence).toContain('not been compared yet');
  });

  it('says why there is nothing to compare when all copies were dropped', async () => {
    await deliver(many(5, { outcome: 'dropped', shadow: null, noise: null }));
    expect((await report()).shadows[0]?.sentence).toContain('Copies dropped: 5, failed: 0');
  });

  it('says so when an edit made a shadow the control, or took one that is still named', async () => {
    const model = { ...TABLE.models.net, shadows: [{ version: '1', sample: 5 }] };
    writeFileSync(path, stringify({ ...TABLE, models: { net: model } }));
    await routing.refresh();
    expect((await report()).shadows[0]?.sentence).toContain('Version 1 is the control now');
  });

  it('is there before any record was delivered', async () => {
    const empty = embeddedDatabase();
    const answer = await ask('/shadow/net', {}, { readRecords: readRecords(empty) });
    expect(((await answer.json()) as ShadowReport).shadows).toMatchObject([{ compared: 0 }]);
    await empty.close();
  }, 60_000);

  it.each<[string, string, Partial<ShadowRoutesDeps>, number]>([
    ['of a model that is not there', '/shadow/__proto__', {}, 404],
    ['without a store', '/shadow/net', { readRecords: readRecords(undefined) }, 503],
    ['from a store that is away', '/shadow/net', { readRecords: readRecords(AWAY) }, 503],
  ])('is refused %s', async (_what, path, deps, status) => {
    expect((await ask(path, {}, deps)).status).toBe(status);
  });
});

describe('a change of shadows', () => {
  it('is on record, then in the table, and ends with an empty list', async () => {
    const shadows = [{ version: '3', sample: 0.5 }];
    const answer = await put({ revision: routing.current().revision, shadows });
    const view = (await answer.json()) as RoutingView;
    expect(view.routing.models.net?.shadows).toEqual(shadows);
    expect(view.routing.models.net?.experiment).toEqual(TABLE.models.net?.experiment);
    expect(written).toEqual([['routing.write', 'key:k1', { model: 'net', shadows: '3=0.5' }]]);
    const { routing: ended } = (await (
      await put({ revision: view.revision, shadows: [] })
    ).json()) as RoutingView;
    expect(ended.models.net).not.toHaveProperty('shadows');
    expect(written.at(-1)).toEqual(['routing.write', 'key:k1', { model: 'net', shadows: 'none' }]);
  });

  it.each<[string, object, number]>([
    ['of a table that has changed', { revision: 'old', shadows: [] }, 409],
    ['to a version that is not served', { shadows: [{ version: '7', sample: 1 }] }, 400],
    ['to one version twice', { shadows: [1, 2].map((sample) => ({ version: '3', sample })) }, 400],
    ['to three versions', { shadows: ['1', '2', '3'].map((version) => ({ version, sample: 1 })) }, 400],
    ['to a sample of nothing', { shadows: [{ version: '3', sample: 0 }] }, 400],
  ])('is refused %s, and is not on record', async (_what, body, status) => {
    const answer = await put({ revision: routing.current().revision, ...body });
    expect([answer.status, written]).toEqual([status, []]);
    expect(routing.current().routing).toEqual(TABLE);
  });

  it('is refused to the control, with what to do instead', async () => {
    const shadows = [{ version: '1', sample: 5 }];
    const answer = await put({ revision: routing.current().revision, shadows });
    expect([answer.status, written]).toEqual([400, []]);
    expect(await answer.text()).toContain('Version 1 is the control. Name a version to compare with it');
  });

  it('says what is wrong with a sample in plain words', async () => {
    const shadows = [{ version: '3', sample: 0 }];
    const answer = await put({ revision: routing.current().revision, shadows });
    expect(await answer.text()).toContain('shadows.0.sample: expected at least 0.01, found 0');
  });

  it('may name a version that gets traffic of a rollout', async () => {
    const variants = [
      { name: 'control', version: '1', weight: 90 },
      { name: 'candidate', version: '3', weight: 10 },
    ];
    const model = { ...TABLE.models.net, experiment: { name: 'e', salt: 's', variants } };
    writeFileSync(path, stringify({ ...TABLE, models: { net: model } }));
    await routing.refresh();
    const shadows = [{ version: '3', sample: 5 }];
    expect((await put({ revision: routing.current().revision, shadows })).status).toBe(200);
  });

  it('does not happen without its audit record', async () => {
    const must = () => Promise.reject(new AdminError('store_unavailable', 'full'));
    const body = { revision: routing.current().revision, shadows: [] };
    expect((await put(body, { changes: { must } })).status).toBe(503);
    await routing.refresh();
    expect(routing.current().routing).toEqual(TABLE);
  });
});
