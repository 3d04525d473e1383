import { join } from 'node:path';
import type { AuditPage, AuditRow } from '@headgate/contracts/admin/api';
import { CALL, testAudit } from '@headgate/journal/testing/audit';
import { systemClock } from '@headgate/runtime/clock';
import { tempDir } from '@headgate/testkit/folders';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { layOut } from '../../audit/store/layout.ts';
import { type EmbeddedDatabase, embeddedDatabase } from '../../store/embedded-database.ts';
import { shipOnce } from '../../testing/audit-store.ts';
import { type AuditQuestion, type AuditRows, auditRows, placeOf } from './audit-rows.ts';
import { logRows } from './log-rows.ts';

/** Their order differs between languages. */
const WRITERS = ['B-1', 'a-2', 'a.1', 'b_1'];

let db: EmbeddedDatabase;
beforeAll(() => {
  db = embeddedDatabase();
});
afterAll(() => db.close());

/** Twelve records of each writer within three milliseconds; the store has the first nine, the log has all. */
async function fewMoments(): Promise<AuditRows> {
  await layOut(db);
  const dir = tempDir();
  const log = { dir: `${dir}/log`, headsFile: `${dir}/heads.jsonl` };
  for (const writer of WRITERS) {
    const { audit } = await testAudit(dir, { writer, dir: join(log.dir, writer) });
    for (let index = 0; index < 12; index += 1) {
      if (index === 8) await audit.anchor();
      audit.record({ ...CALL, keyId: index % 2 === 0 ? 'alice' : 'bobby', atMs: CALL.atMs + (index % 3) });
    }
    await audit.flush();
    await audit.close();
  }
  await shipOnce(log, db);
  const logs = logRows({ ...log, clock: systemClock });
  return auditRows({ store: db, logs, keysDir: dir });
}

it('pages of any length have each row once, in order', async () => {
  const rows = await fewMoments();
  const pageLength = fc.integer({ min: 1, max: 13 });
  const question = fc.constantFrom<AuditQuestion>({}, { who: 'alice' }, { beforeMs: CALL.atMs + 2 });
  await fc.assert(
    fc.asyncProperty(pageLength, question, async (limit, asked) => {
      const { entries, next } = await rows(asked);
      expect(next).toBeNull();
      expect(await allPages(rows, { ...asked, limit })).toEqual(entries);
    }),
    { numRuns: 12 },
  );
  expect((await rows({})).entries).toHaveLength(12 * WRITERS.length);
}, 60_000);

async function allPages(rows: AuditRows, question: AuditQuestion): Promise<AuditRow[]> {
  let page: AuditPage = await rows(question);
  const found = [...page.entries];
  while (page.next !== null) {
    page = await rows({ ...question, after: placeOf(page.next) });
    found.push(...page.entries);
  }
  return found;
}
