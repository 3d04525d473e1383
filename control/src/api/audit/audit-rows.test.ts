import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditRow } from '@headgate/contracts/admin/api';
import { CALL, testAudit } from '@headgate/journal/testing/audit';
import { systemClock } from '@headgate/runtime/clock';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { layOut } from '../../audit/store/layout.ts';
import { type EmbeddedDatabase, embeddedDatabase } from '../../store/embedded-database.ts';
import { shipOnce } from '../../testing/audit-store.ts';
import { type AuditQuestion, type AuditRowsOptions, auditRows } from './audit-rows.ts';
import { type LogRowsOptions, logRows } from './log-rows.ts';

const entriesOf =
  (options: Omit<AuditRowsOptions, 'keysDir'>) =>
  async (question: AuditQuestion): Promise<readonly AuditRow[]> =>
    (await auditRows({ ...options, keysDir: join(dir, 'keys') })(question)).entries;

const logsOf = (rows: readonly AuditRow[]) => async () => ({ rows, lacksBeforeMs: undefined });
const nothing = logsOf([]);

let db: EmbeddedDatabase;
let dir: string;
let rows: (question: AuditQuestion) => Promise<readonly AuditRow[]>;
let log: Pick<LogRowsOptions, 'dir' | 'headsFile'>;
let stored: readonly AuditRow[];
let audit: Awaited<ReturnType<typeof testAudit>>['audit'];

beforeAll(async () => {
  db = embeddedDatabase();
  await layOut(db);
  dir = mkdtempSync(join(tmpdir(), 'headgate-rows-'));
  const opened = await testAudit(dir);
  audit = opened.audit;
  log = { dir: `${dir}/log`, headsFile: `${dir}/heads.jsonl` };
  for (const [index, keyId] of ['alice', 'user:bobby', 'cert:ci', undefined].entries()) {
    audit.record({
      ...CALL,
      keyId,
      requestId: `r${index}`,
      status: 200 + index,
      route: `/v1/Route-${index}`,
    });
    opened.clock.advance(1000);
    const change = { action: 'routing.reload', outcome: 'accepted', detail: { sha256: 'x' } } as const;
    await audit.change({ ...change, keyId, atMs: opened.clock.epochMs(), requestId: undefined });
  }
  await audit.anchor();
  await shipOnce(log, db);
  stored = await entriesOf({ store: db, logs: nothing })({});
  audit.record({ ...CALL, requestId: 'late' });
  await audit.flush();
  rows = entriesOf({ store: db, logs: logRows({ ...log, clock: systemClock }) });
}, 60_000);

afterAll(async () => {
  await audit.close();
  await db.close();
  rmSync(dir, { recursive: true });
});

it('are those of the store, newest first, without anchors', () => {
  expect(stored).toHaveLength(8);
  expect(stored[0]).toMatchObject({ action: 'routing.reload', outcome: 'accepted', detail: { sha256: 'x' } });
  expect(stored.at(-1)).toMatchObject({
    who: 'key:alice',
    action: 'POST /v1/Route-0',
    outcome: '200',
    seq: 1,
  });
  expect(stored.map(({ at_ms }) => at_ms)).toEqual(stored.map(({ at_ms }) => at_ms).sort((a, b) => b - a));
});

it('include what the log has and the store does not have yet, each once', async () => {
  const all = await rows({});
  expect(all).toHaveLength(stored.length + 1);
  expect(all.filter(({ request_id }) => request_id === 'late')).toHaveLength(1);
  expect(await rows({ limit: 2 })).toEqual(all.slice(0, 2));
});

it('come from logs of the last hour, with the older ones in the store', async () => {
  const clock = { ...systemClock, epochMs: () => Date.now() + 3_700_000 };
  expect((await logRows({ ...log, clock })()).rows).toEqual([]);
  expect((await logRows({ ...log, clock: systemClock })()).rows).toHaveLength(1);
});

it.each<[AuditQuestion, number]>([
  [{ who: 'alice' }, 2],
  [{ who: 'key:alice' }, 2],
  [{ who: 'bobby' }, 2],
  [{ who: 'user:bobby' }, 2],
  [{ who: 'cert:ci' }, 2],
  [{ who: 'cert:other' }, 0],
  [{ who: 'nobody' }, 0],
  [{ action: 'route-1' }, 1],
  [{ action: 'ROUTING' }, 4],
  [{ action: '%' }, 0],
  [{ action: "'; DROP TABLE audit.records; --" }, 0],
  [{ requestId: 'r1' }, 1],
  [{ who: 'bobby', action: 'reload' }, 1],
  [{ changes: true }, 4],
])('are found in the store as in the log: %j', async (question, count) => {
  expect(await entriesOf({ store: db, logs: nothing })(question)).toHaveLength(count);
  const empty = { query: async () => ({ rows: [] }), script: async () => undefined };
  expect(await entriesOf({ store: empty, logs: logsOf(stored) })(question)).toHaveLength(count);
});

it('are found by the name that they show', async () => {
  const names = new Set(stored.map(({ who }) => who));
  expect(names).toContain('user:bobby');
  for (const who of names) {
    if (who !== null) expect(await rows({ who })).toEqual(stored.filter((row) => row.who === who));
  }
});

it('are found by time: from that moment, and before it', async () => {
  const moments = [...new Set(stored.map(({ at_ms }) => at_ms))];
  for (const moment of moments) {
    const before = await rows({ beforeMs: moment });
    const from = await rows({ fromMs: moment });
    expect(before.every(({ at_ms }) => at_ms < moment)).toBe(true);
    expect(before.length + from.length).toBe(stored.length + 1);
  }
});

it('come from the log alone before anything is stored, and are refused without a store', async () => {
  const missing = Object.assign(new Error('relation "audit.facts" does not exist'), { code: '42P01' });
  const store = { query: () => Promise.reject(missing), script: async () => undefined };
  const logs = logsOf(stored);
  expect(await entriesOf({ store, logs })({})).toEqual(stored);
  await expect(entriesOf({ store: undefined, logs })({})).rejects.toThrow('audit.store is none');
});

it('are refused while the store does not answer: a part of them would look like all', async () => {
  const store = { query: () => Promise.reject(new Error('gone')), script: async () => undefined };
  await expect(entriesOf({ store, logs: nothing })({})).rejects.toThrow('store_unavailable');
});

it('are all that is not stored yet; where the bound cuts, the answer says before when some are lacking', async () => {
  const unstored = mkdtempSync(join(tmpdir(), 'headgate-unstored-'));
  const { audit, clock } = await testAudit(unstored);
  for (let index = 0; index < 1500; index += 1) {
    audit.record({ ...CALL, atMs: CALL.atMs + index });
    if (index % 100 === 99) await audit.flush();
  }
  clock.advance(1000);
  await audit.anchor();
  await audit.close();
  const log = { dir: `${unstored}/log`, headsFile: `${unstored}/heads.jsonl`, clock: systemClock };
  expect((await logRows(log)()).rows).toHaveLength(1500);
  const cut = auditRows({ store: db, logs: logRows({ ...log, most: 11 }), keysDir: `${unstored}/keys` });
  const lacksBeforeMs = CALL.atMs + 1490;
  expect((await cut({})).lacks_before_ms).toBe(lacksBeforeMs);
  expect((await cut({ fromMs: lacksBeforeMs })).lacks_before_ms).toBeNull();
  rmSync(unstored, { recursive: true });
});
