import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AUDIT_WRITER, CALL, testAudit } from '@headgate/journal/testing/audit';
import type { Queryable } from '@headgate/stores/postgres/database';
import { tempDir } from '@headgate/testkit/folders';
import { describe, expect, it } from 'vitest';
import { LogFaultError } from '../audit/ship/ship-log.ts';
import { type ShipperReport, shippingPass } from '../audit/ship/shipper.ts';
import { sqlAuditStore } from '../audit/store/audit-store.ts';
import { verifyStore } from '../audit/verify.ts';

const WRITER = AUDIT_WRITER;

/** An audit log as a gateway writes it, in a folder of its own, or in the one of a gateway that ended. */
export async function testLog(dir = tempDir()) {
  const { audit, clock } = await testAudit(dir);
  return {
    dir: join(dir, 'log'),
    headsFile: join(dir, 'heads.jsonl'),
    /** Removes the files of the log, and lets a gateway go on after its anchored head. */
    async cutAndGoOn() {
      await audit.close();
      const log = join(dir, 'log', WRITER);
      for (const name of readdirSync(log)) if (name.endsWith('.log')) rmSync(join(log, name));
      return testLog(dir);
    },
    /** Calls, and the head after them. */
    async anchored(calls: number): Promise<void> {
      for (let i = 0; i < calls; i++) audit.record(CALL);
      clock.advance(1000);
      await audit.anchor();
    },
    async unanchored(calls: number): Promise<void> {
      for (let i = 0; i < calls; i++) audit.record(CALL);
      await audit.flush();
    },
    close: () => audit.close(),
  };
}

/** One pass of the shipper over that log. */
export async function shipOnce(
  log: Pick<Awaited<ReturnType<typeof testLog>>, 'dir' | 'headsFile'>,
  db: Queryable,
  report: Partial<ShipperReport> = {},
): Promise<void> {
  const quiet = {
    stored: () => undefined,
    anchored: () => undefined,
    fault: () => undefined,
    failed: () => undefined,
  };
  const pass = shippingPass(
    {
      ...log,
      openStore: async () => sqlAuditStore(db),
      batchRecords: 7,
      report: { ...quiet, ...report },
    },
    new AbortController().signal,
  );
  await pass();
}

export const verifyAll = (db: Queryable) => verifyStore(sqlAuditStore(db), []);

/** Rows are altered behind the triggers, as the owner of the tables can. Each statement stands here as a whole. */
export const TAMPERING: readonly (readonly [kind: string, seq: number, how: string, sql: string])[] = [
  [
    'altered',
    5,
    'a changed body',
    `UPDATE audit.records SET body = convert_to(replace(convert_from(body, 'UTF8'), '200', '403'), 'UTF8') WHERE seq = 5`,
  ],
  ['altered', 5, 'a changed hash', `UPDATE audit.records SET hash = sha256(hash) WHERE seq = 5`],
  ['altered', 5, 'a changed time', `UPDATE audit.records SET at = at + interval '1 hour' WHERE seq = 5`],
  ['removed', 5, 'a removed row', 'DELETE FROM audit.records WHERE seq = 5'],
  ['removed', 1, 'a removed begin', 'DELETE FROM audit.records WHERE seq <= 11'],
  ['truncated', 18, 'a removed end', 'DELETE FROM audit.records WHERE seq >= 18'],
  ['truncated', 1, 'all rows gone', 'TRUNCATE audit.records'],
  [
    'reordered',
    5,
    'two rows in each other’s place',
    'UPDATE audit.records SET seq = CASE seq WHEN 5 THEN -5 ELSE -6 END WHERE seq IN (5, 6); UPDATE audit.records SET seq = CASE seq WHEN -5 THEN 6 ELSE 5 END WHERE seq < 0',
  ],
  ['unreadable', 5, 'a body that is none', `UPDATE audit.records SET body = 'x' WHERE seq = 5`],
];

const OFF = `
  ALTER TABLE audit.records DISABLE TRIGGER ALL;
  ALTER TABLE audit.records DROP CONSTRAINT records_seq_check;
`;
const ON = `
  ALTER TABLE audit.records ADD CONSTRAINT records_seq_check CHECK (seq > 0);
  ALTER TABLE audit.records ENABLE ALWAYS TRIGGER refuse_change, ENABLE ALWAYS TRIGGER continue_chain;
`;

/** What everybody is refused, the owner of the tables included. */
export const REFUSED: readonly string[] = [
  `UPDATE audit.records SET body = 'x'`,
  `UPDATE audit.records SET body = 'x' WHERE false`,
  'DELETE FROM audit.records',
  'TRUNCATE audit.records',
  'TRUNCATE audit.heads, audit.records CASCADE',
  `UPDATE audit.heads SET hash = sha256('x')`,
  'DELETE FROM audit.heads',
  'TRUNCATE audit.heads',
  `INSERT INTO audit.records SELECT * FROM audit.records ON CONFLICT (writer, seq) DO UPDATE SET body = 'x'`,
  'MERGE INTO audit.records r USING audit.heads h ON r.seq = h.seq WHEN MATCHED THEN DELETE',
];

/** Everything in the tables, to be compared. */
export async function contentOf(db: Queryable): Promise<unknown> {
  const records = await db.query('SELECT * FROM audit.records ORDER BY writer, seq', []);
  const heads = await db.query('SELECT * FROM audit.heads ORDER BY writer, seq', []);
  return [records.rows, heads.rows];
}

/** Removes everything behind the triggers. @param db as the owner */
export async function emptyAudit(db: Queryable): Promise<void> {
  await db.script(`
    ALTER TABLE audit.records DISABLE TRIGGER ALL; ALTER TABLE audit.heads DISABLE TRIGGER ALL;
    TRUNCATE audit.records, audit.heads;
    ALTER TABLE audit.records ENABLE ALWAYS TRIGGER refuse_change, ENABLE ALWAYS TRIGGER continue_chain;
    ALTER TABLE audit.heads ENABLE ALWAYS TRIGGER refuse_change;
  `);
}

/** @param db as the owner */
export async function tamper(db: Queryable, sql: string): Promise<void> {
  await db.script(`${OFF}${sql};${ON}`);
}

/** What the store promises, whichever database it is. */
export function describeAuditStore(name: string, open: () => Queryable): void {
  describe(name, () => {
    it('has every anchored record of a log once, however often it is shipped, and none that is not anchored', async () => {
      await emptyAudit(open());
      const log = await testLog();
      await log.anchored(10);
      await log.unanchored(5);
      await Promise.all([shipOnce(log, open()), shipOnce(log, open())]);
      await shipOnce(log, open());
      expect(await verifyAll(open())).toMatchObject([{ writer: WRITER, records: 11, anchors: 1 }]);
      await log.anchored(3);
      await shipOnce(log, open());
      const [result] = await verifyAll(open());
      expect(result).toMatchObject({ records: 20, anchors: 2, last: { seq: 20 } });
      expect(result?.fault).toBeUndefined();
      await log.close();
    });

    it.each(REFUSED)('refuses to everybody: %s', async (sql) => {
      await storeLog(open());
      const before = await contentOf(open());
      await expect(open().query(sql, [])).rejects.toThrow('append-only');
      expect(await contentOf(open())).toEqual(before);
    });

    it('refuses a record that does not go on with the chain, and another one in the place of a stored one', async () => {
      await storeLog(open());
      const store = sqlAuditStore(open());
      const [first, second] = await store.after(WRITER, 0, 2);
      if (!first || !second) throw new Error('nothing is stored');
      await expect(store.append(WRITER, [{ ...second, seq: 21 }])).rejects.toThrow('does not follow');
      await expect(store.append('another', [second])).rejects.toThrow('does not follow');
      await expect(store.append(WRITER, [{ ...first, hash: second.hash }])).rejects.toThrow('another record');
      await store.append(WRITER, [first, second]);
      expect(await verifyAll(open())).toMatchObject([{ records: 20 }]);
    });

    it('takes nothing of a log that was changed after it was shipped, and says so', async () => {
      await storeLog(open());
      const other = await testLog();
      await other.anchored(30);
      const faults: unknown[] = [];
      await shipOnce(other, open(), { fault: (_, error) => faults.push(error) });
      expect(faults).toEqual([expect.any(LogFaultError)]);
      // The two heads cannot both be true.
      expect((await verifyAll(open()))[0]).toMatchObject({
        records: 20,
        fault: { kind: 'truncated', seq: 21 },
      });
      await other.close();
    });

    it('has what was cut off from a log after it was shipped', async () => {
      await emptyAudit(open());
      const log = await testLog();
      await log.anchored(10);
      await shipOnce(log, open());
      const next = await log.cutAndGoOn();
      await next.anchored(5);
      await shipOnce(next, open());
      const [result] = await verifyAll(open());
      expect(result).toMatchObject({ records: 17, last: { seq: 17 } });
      expect(result?.fault).toBeUndefined();
      await next.close();
    });

    it('goes on after a hole, and shows it', async () => {
      await emptyAudit(open());
      const log = await testLog();
      await log.anchored(10);
      const next = await log.cutAndGoOn();
      await shipOnce(next, open());
      expect((await verifyAll(open()))[0]?.fault).toMatchObject({ kind: 'truncated', seq: 1 });
      await next.anchored(5);
      await shipOnce(next, open());
      expect((await verifyAll(open()))[0]?.fault).toMatchObject({ kind: 'removed', seq: 1 });
      expect(await sqlAuditStore(open()).last(WRITER)).toMatchObject({ seq: 17 });
      await next.close();
    });

    it.each(TAMPERING)('shows what is %s, at record %i: %s', async (kind, seq, _how, sql) => {
      await storeLog(open());
      expect((await verifyAll(open()))[0]?.fault).toBeUndefined();
      await tamper(open(), sql);
      expect((await verifyAll(open()))[0]?.fault).toMatchObject({ kind, seq });
    });
  });
}

/** Twenty records, anchored at 11 and 20. */
async function storeLog(db: Queryable): Promise<void> {
  await emptyAudit(db);
  const log = await testLog();
  await log.anchored(10);
  await log.anchored(8);
  await shipOnce(log, db);
  await log.close();
}
