import type { Routing } from '@headgate/contracts/routing';
import type { Queryable } from '@headgate/stores/postgres/database';
import { migrate } from '@headgate/stores/records/migrations';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RoutingSnapshot } from '../routing/routing-store.ts';
import { embeddedDatabase } from '../store/embedded-database.ts';
import { readRecords } from '../store/read-records.ts';
import { createExperiments } from './experiments.ts';

const ROUTING: Routing = {
  schema: 1,
  default_model: 'net',
  models: {
    net: {
      versions: ['1'],
      experiment: { name: 'exp', salt: 's', variants: [{ name: 'only', version: '1', weight: 100 }] },
    },
  },
} as never;
const VERSION = { revision: '1', changedAtMs: null, changedBy: null };
const SNAPSHOT: RoutingSnapshot = {
  ...VERSION,
  routing: ROUTING,
  inForce: VERSION,
  refused: [],
  source: 'file',
};

const experimentsOn = (db: Queryable | undefined) =>
  createExperiments({
    readRecords: readRecords(db),
    routing: { current: () => SNAPSHOT, onChange: () => () => undefined },
    retentionMs: 1,
    now: Date.now,
  });

const real = embeddedDatabase();
/** Making a database with its tables takes seconds of a core, and more on a busy machine. */
const SETUP_MS = 60_000;
beforeAll(() => migrate(real), SETUP_MS);
afterAll(() => real.close());

const gone = async (): Promise<never> => {
  throw Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
};

it('tells an operator who keeps no records what to set', async () => {
  const experiments = experimentsOn(undefined);
  const refusal = { reason: 'store_unavailable', detail: expect.stringContaining('records.sink') };
  await expect(experiments.report('net')).rejects.toMatchObject(refusal);
  await expect(experiments.looks('net', 'reward')).rejects.toMatchObject(refusal);
  await expect(experiments.csv('net')).rejects.toMatchObject(refusal);
});

it('says that the store is away, and reports again once it is back', async () => {
  let db: Queryable = { query: gone, script: gone };
  const experiments = experimentsOn({
    query: (sql, values) => db.query(sql, values),
    script: (sql) => db.script(sql),
  });
  const refusal = { reason: 'store_unavailable', cause: { message: 'connection refused' } };
  await expect(experiments.report('net')).rejects.toMatchObject(refusal);
  await expect(experiments.report('net')).rejects.toMatchObject(refusal);
  db = real;
  const report = await experiments.report('net');
  expect(report).toMatchObject({ experiment: 'exp', srm: { verdict: 'no_data' } });
  expect(report.sentence).toBe('only is the only variant: there is nothing to compare.');
});

it('notes its epochs again where the database was replaced by an empty one', {
  timeout: SETUP_MS,
}, async () => {
  const experiments = experimentsOn(real);
  await experiments.looks('net', 'reward');
  await real.script('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await expect(experiments.looks('net', 'reward')).rejects.toMatchObject({ reason: 'store_unavailable' });
  expect(await experiments.report('net')).toMatchObject({ experiment: 'exp' });
});
