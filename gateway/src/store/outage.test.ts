import { setTimeout as sleep } from 'node:timers/promises';
import { idAt, predictionOf } from '@headgate/contracts/records/testing';
import { describe, expect, it } from 'vitest';
import { postgresPrograms, startPostgres } from '../../../scripts/services/postgres.ts';
import { bytesOfText, TEST_LIMITS, testSpool } from '../testing/spool.ts';
import { startShipper } from './shipper.ts';
import { openPostgres, postgresSink } from './sinks/postgres.ts';

const bin = postgresPrograms();
/** Records before, during and after the outage. */
const RECORDS = 600;

describe.skipIf(bin === undefined && process.env.CI !== 'true')(
  'PostgreSQL (needs its Debian package)',
  () => {
    it('has every record once after it was killed and started again under load', async () => {
      if (bin === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql');
      const server = await startPostgres(bin);
      const { spool, seen } = await testSpool({ limits: { ...TEST_LIMITS, flushMs: 5 } });
      const sink = postgresSink({ url: server.url, timeoutMs: 5000, retentionDays: 90 });
      let failures = 0;
      const shipper = startShipper({
        reader: spool.reader,
        sink,
        writer: 'w',
        batchRecords: 50,
        intervalMs: 10,
        retryMinMs: 10,
        retryMaxMs: 200,
        pause: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
        report: { delivered: () => undefined, refused: () => undefined, failed: () => void failures++ },
      });
      const nowMs = Date.now();
      let appended = 0;
      const append = async (until: number) => {
        for (; appended < until; appended++) {
          spool.append(bytesOfText(JSON.stringify(predictionOf({ id: idAt(nowMs, appended) }))));
          if (appended % 10 === 0) await sleep(2);
        }
      };
      const during = append(RECORDS / 3);
      await server.kill();
      await during;
      await append((2 * RECORDS) / 3);
      await expect.poll(() => failures, { timeout: 10_000 }).toBeGreaterThan(0);
      await server.start();
      await append(RECORDS);
      await spool.flush();
      await expect.poll(() => spool.stats().undelivered, { timeout: 20_000 }).toBe(0);
      const db = openPostgres({ url: server.url, timeoutMs: 5000 });
      const { rows } = await db.query(
        'SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM predictions',
        [],
      );
      expect(rows).toEqual([{ n: RECORDS, ids: RECORDS }]);
      expect(seen.dropped).toEqual([]);
      await db.close();
      await shipper.stop();
      await sink.close();
      await spool.close();
      await server.remove();
    }, 60_000);
  },
);
