import { openPostgres, type PostgresDatabase } from '@headgate/stores/postgres/database';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { idAt, NOW_MS, predictionOf } from '@headgate/stores/testing/records';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeSink, emptyStore } from '../../control/src/testing/record-store.ts';

const TIMEOUT_MS = 10_000;
const options = { retentionDays: 90, now: () => NOW_MS };
const { signal } = new AbortController();

describe('PostgreSQL as a sink of records', () => {
  let cluster: TestPostgres;
  let db: PostgresDatabase;
  beforeAll(async () => {
    cluster = await startPostgresCluster({ replica: true });
    db = await openPostgres({ url: cluster.url, timeoutMs: TIMEOUT_MS });
  });
  afterAll(async () => {
    await db?.close();
    await cluster?.close();
  });

  describeSink('directly', () => ({ sink: sqlSink({ db, ...options }), db }));

  it('lets several gateways start at the same time', async () => {
    await db.script(
      'DROP TABLE predictions, outcomes, shadows, gaps, experiment_epochs, experiment_looks, headgate_migrations',
    );
    const sinks = Array.from({ length: 4 }, () => sqlSink({ db, ...options }));
    const outcomes = await Promise.allSettled(sinks.map((sink) => sink.deliver([predictionOf()], signal)));
    // Making the same partition twice at once may fail; a shipper tries again.
    await Promise.all(sinks.map((sink) => sink.deliver([predictionOf()], signal)));
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    const { rows } = await db.query('SELECT count(*)::int AS n FROM predictions', []);
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('writes nothing more for a delivery that was given up', async () => {
    await emptyStore(db);
    const records = Array.from({ length: 2500 }, (_, n) => predictionOf({ id: idAt(NOW_MS, n) }));
    const givenUp = AbortSignal.abort(new Error('too late'));
    await expect(sqlSink({ db, ...options }).deliver(records, givenUp)).rejects.toThrow('too late');
    expect((await db.query('SELECT id FROM predictions', [])).rows).toEqual([]);
  });

  it('is found among several servers, whichever of them takes writes', async () => {
    const [primary, replica] = [cluster.primary, cluster.replica].map((one) => `127.0.0.1:${one?.port}`);
    for (const servers of [
      `${primary},${replica}`,
      `${replica},${primary}`,
      `127.0.0.1:1,${replica},${primary}`,
    ]) {
      const url = cluster.url.replace(primary as string, servers);
      const found = await openPostgres({
        url: `${url}?target_session_attrs=read-write`,
        timeoutMs: TIMEOUT_MS,
      });
      const { rows } = await found.query('SELECT inet_server_port() AS port', []);
      await found.close();
      expect(rows).toEqual([{ port: cluster.primary.port }]);
    }
  });

  it('acknowledges nothing that only one of the two servers has', async () => {
    await cluster.replica?.kill();
    const hasty = await openPostgres({ url: cluster.url, timeoutMs: 1000 });
    const { deliver } = sqlSink({ db: hasty, ...options });
    await expect(deliver([predictionOf()], signal)).rejects.toThrow('timeout');
    await cluster.replica?.start();
    await deliver([predictionOf()], signal);
    await hasty.close();
    const onStandby = async () => (await cluster.replica?.sql('SELECT count(*) FROM predictions'))?.trim();
    await expect.poll(onStandby, { timeout: TIMEOUT_MS }).not.toBe('0');
  });

  it('is not a standby alone', async () => {
    const url = cluster.replica?.url as string;
    const standby = await openPostgres({ url, timeoutMs: TIMEOUT_MS });
    await expect(standby.query('SELECT 1', [])).rejects.toThrow('the server takes no writes');
    await standby.close();
  });
});
