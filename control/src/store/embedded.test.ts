import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { DAY_MS } from '@headgate/runtime/clock';
import { createLogger } from '@headgate/runtime/logger';
import { reportResilience } from '@headgate/runtime/resilience/metrics';
import { migrate } from '@headgate/stores/records/migrations';
import { createPartitions } from '@headgate/stores/records/partitions';
import { RecordsRefusedError } from '@headgate/stores/records/sink';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { idAt, NOW_MS, predictionOf } from '@headgate/stores/testing/records';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlSink } from '../../../gateway/src/store/sinks.ts';
import { createInternalServer } from '../internal-server.ts';
import { describeSink, emptyStore } from '../testing/record-store.ts';
import { type EmbeddedDatabase, embeddedDatabase } from './embedded-database.ts';

/** As the first version wrote it. */
const OLD_PREDICTION = `INSERT INTO predictions (at, id, index, tenant, unit, model, version, outcome, latency_ms, label,
  image_sha256, image_bytes) VALUES ($1, $2, 0, 't', 'u', 'net', '1', 'ok', 1, 'cat', 'c', 1)`;

const signal = new AbortController().signal;
const logger = createLogger({ service: 'control', level: 'silent' });

describe('embedded', () => {
  let db: EmbeddedDatabase;
  let server: ReturnType<typeof createInternalServer>;
  let url: string;

  beforeAll(async () => {
    db = embeddedDatabase();
    const sink = sqlSink({ db, retentionDays: 90, now: () => NOW_MS });
    const registry = new Registry();
    reportResilience({ logger, registry, breakers: ['database'] });
    server = createInternalServer({ sink, registry, logger }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }, 60_000);
  afterAll(async () => {
    server.close();
    await db.close();
  });

  describeSink('control over HTTP with PGlite', () => ({
    sink: controlSink(url),
    db,
  }));

  it('removes days that are older than the retention, and nothing else', async () => {
    await emptyStore(db);
    const ages = [0, 90, 91, 200];
    const sink = sqlSink({ db, retentionDays: 400, now: () => NOW_MS });
    await sink.deliver(
      ages.map((age) => predictionOf({ id: idAt(NOW_MS - age * DAY_MS, age) })),
      signal,
    );
    await sink.deliver([predictionOf({ id: idAt(NOW_MS - 1000 * DAY_MS) })], signal);
    const gone = await createPartitions(db, 90).expire(NOW_MS);
    expect(gone.filter((name) => name.startsWith('predictions'))).toHaveLength(2);
    const { rows } = await db.query('SELECT DISTINCT at FROM predictions ORDER BY at DESC', []);
    expect(rows).toEqual([{ at: new Date(NOW_MS) }, { at: new Date(NOW_MS - 90 * DAY_MS) }]);
  });

  it('takes records while old ones cannot be removed, says so, and tries again in an hour', async () => {
    await emptyStore(db);
    const failures: unknown[] = [];
    let nowMs = NOW_MS;
    const forbidden = Object.assign(new Error('must be owner'), { code: '42501' });
    const query: EmbeddedDatabase['query'] = (sql, values) =>
      sql.startsWith('DELETE FROM predictions_other') ? Promise.reject(forbidden) : db.query(sql, values);
    const expiryFailed = (error: unknown) => void failures.push(error);
    const sink = sqlSink({ db: { ...db, query }, retentionDays: 90, now: () => nowMs, expiryFailed });
    for (const index of [0, 1]) await sink.deliver([predictionOf({ index })], signal);
    expect(failures).toEqual([forbidden]);
    expect((await db.query('SELECT index FROM predictions', [])).rows).toHaveLength(2);
    nowMs += 3_600_000;
    await sink.deliver([], signal);
    expect(failures).toEqual([forbidden, forbidden]);
  });

  it('takes no record for refused because another process makes its partition at the same time', async () => {
    const atOnce = Object.assign(new Error('duplicate key'), { code: '23505' });
    const script: EmbeddedDatabase['script'] = (sql) =>
      sql.includes('PARTITION OF') ? Promise.reject(atOnce) : db.script(sql);
    const sink = sqlSink({ db: { ...db, script }, retentionDays: 90, now: () => NOW_MS });
    const delivery = sink.deliver([predictionOf()], signal);
    await expect(delivery).rejects.toThrow('duplicate key');
    await expect(delivery).rejects.not.toThrow(RecordsRefusedError);
  });

  it('brings a store that was made before there were sketches to the newest form, with what it holds', async () => {
    await db.script(`
      DROP TABLE predictions, outcomes, shadows, gaps, experiment_epochs, experiment_looks;
      DELETE FROM headgate_migrations;
    `);
    await migrate(db, 1);
    await db.query(OLD_PREDICTION, [new Date(NOW_MS), idAt(NOW_MS)]);
    const sink = sqlSink({ db, retentionDays: 90, now: () => NOW_MS });
    await sink.deliver([predictionOf({ index: 1 })], signal);
    const { rows } = await db.query('SELECT index, label, brightness FROM predictions ORDER BY index', []);
    expect(rows).toEqual([
      { index: 0, label: 'cat', brightness: null },
      { index: 1, label: 'tiger cat', brightness: 0.5 },
    ]);
  });

  it('shows the breakers of its process to Prometheus', async () => {
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(await response.text()).toContain('headgate_breaker_state{dependency="database"} 0');
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
  });

  it.each([
    ['a page of a browser', { headers: { origin: 'https://example.org' } }, 403],
    ['something else than JSON', { headers: { 'content-type': 'text/plain' } }, 415],
    ['what is no record', { body: '{"records":[{"type":"prediction"}]}' }, 400],
    ['what is no JSON', { body: '{' }, 400],
    ['another method', { method: 'PUT' }, 405],
  ])('refuses %s', async (_what, { headers, ...init }: RequestInit & { headers?: object }, status) => {
    const response = await fetch(`${url}/internal/records`, {
      method: 'POST',
      body: '{"records":[]}',
      ...init,
      headers: { 'content-type': 'application/json', ...headers },
    });
    expect(response.status).toBe(status);
  });
});
