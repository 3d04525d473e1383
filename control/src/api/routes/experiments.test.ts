import { API_BASE, type ExperimentReport, type Problem } from '@headgate/contracts/admin/api';
import { NOW_MS } from '@headgate/stores/testing/records';
import { expect, it } from 'vitest';
import type { Asked, Experiments } from '../../experiments/experiments.ts';
import { readRecords } from '../../store/read-records.ts';
import { ADMIN_KEY, adminApp } from '../../testing/admin-app.ts';
import { AdminError } from '../api-env.ts';
import { accuracyRoutes } from './accuracy.ts';
import { experimentRoutes } from './experiments.ts';
import { requestRoutes } from './requests.ts';

const key = { 'x-api-key': ADMIN_KEY };
const now = () => NOW_MS;

/** An app whose experiments note what they are asked, and whose records are kept nowhere. */
function app(changes: Partial<Experiments> = {}) {
  const asked: [string, Asked | undefined][] = [];
  const experiments = {
    report: async (model: string, of?: Asked) => {
      asked.push([model, of]);
      return { model } as ExperimentReport;
    },
    looks: async () => [],
    csv: async () => 'model\r\n',
    ...changes,
  } as Experiments;
  const nowhere = readRecords(undefined);
  const groups = [
    experimentRoutes(experiments),
    accuracyRoutes({ readRecords: nowhere, now }),
    requestRoutes({
      readRecords: nowhere,
      rows: async () => ({ entries: [], next: null, lacks_before_ms: null }),
      now,
    }),
  ];
  const { send } = adminApp({ groups });
  return { asked, get: (path: string, headers = key) => send('GET', `${API_BASE}${path}`, headers) };
}

it('asks for the experiment and the level that the caller names', async () => {
  const { get, asked } = app();
  expect(await (await get('/experiments/net?level=0.99&experiment=old&at_ms=5')).json()).toEqual({
    model: 'net',
  });
  await get('/experiments/a%2F..%2Fb%00%3Cscript%3E');
  expect(asked).toEqual([
    ['net', { level: 0.99, experiment: 'old', at_ms: 5 }],
    ['a/../b\u0000<script>', {}],
  ]);
});

it.each([
  '/experiments/net?level=2',
  '/experiments/net?level=NaN',
  '/experiments/net?other=1',
  '/experiments/net?at_ms=yesterday',
  '/experiments/net/looks',
  '/experiments/net/looks?metric=constructor',
  '/accuracy?from_ms=-1',
  '/accuracy?to_ms=1e300',
  '/accuracy?model=',
])('refuses %s', async (path) => {
  const response = await app().get(path);
  expect([response.status, ((await response.json()) as Problem).reason]).toEqual([400, 'invalid']);
});

it('answers looks as JSON, and the table as a file', async () => {
  const { get } = app();
  expect(await (await get('/experiments/net/looks?metric=reward')).json()).toEqual({ looks: [] });
  const csv = await get('/experiments/net/csv?level=0.9');
  expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  expect(csv.headers.get('content-disposition')).toBe('attachment; filename="experiment.csv"');
  expect(await csv.text()).toBe('model\r\n');
});

it('says what to set where records are kept nowhere, and passes a refusal on', async () => {
  const refuse = async () => {
    throw new AdminError('not_found', 'The model has had no such experiment.');
  };
  const { get } = app({ report: refuse });
  expect((await get('/experiments/net')).status).toBe(404);
  for (const path of ['/accuracy', '/requests/r-1']) {
    const response = await get(path);
    expect(response.status).toBe(503);
    expect(((await response.json()) as Problem).detail).toContain('records.sink');
  }
});

it('needs an admin', async () => {
  expect((await app().get('/experiments/net', { 'x-api-key': 'none' })).status).toBe(401);
});
