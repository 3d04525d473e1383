import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENESIS, HASH_BYTES, link } from '@headgate/journal/audit/chain';
import { openPostgres, type PostgresDatabase } from '@headgate/stores/postgres/database';
import { tempDir } from '@headgate/testkit/folders';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAuditShipper } from '../../control/src/audit/ship/shipper.ts';
import { sqlAuditStore } from '../../control/src/audit/store/audit-store.ts';
import { layOut, WRITER_ROLE } from '../../control/src/audit/store/layout.ts';
import {
  contentOf,
  describeAuditStore,
  emptyAudit,
  REFUSED,
  shipOnce,
  TAMPERING,
  tamper,
  testLog,
  verifyAll,
} from '../../control/src/testing/audit-store.ts';
import { headgate } from '../../control/src/testing/command-line.ts';

const PASSWORD = 'only-for-this-test';

let postgres: TestPostgres;
/** A superuser, the owner of the tables, and the login of control. */
let superuser: PostgresDatabase;
let owner: PostgresDatabase;
let control: PostgresDatabase;

function urlOf(role: string): string {
  const url = new URL(postgres.url);
  [url.username, url.password] = [role, PASSWORD];
  return url.href;
}

beforeAll(async () => {
  postgres = await startPostgresCluster();
  superuser = await openPostgres({ url: postgres.url, timeoutMs: 20_000 });
  await superuser.script(`
    CREATE ROLE audit_owner LOGIN PASSWORD '${PASSWORD}';
    CREATE ROLE control LOGIN PASSWORD '${PASSWORD}';
    CREATE ROLE ${WRITER_ROLE} NOLOGIN;
    GRANT ${WRITER_ROLE} TO control;
    GRANT CREATE ON DATABASE headgate TO audit_owner;
  `);
  owner = await openPostgres({ url: urlOf('audit_owner'), timeoutMs: 20_000 });
  control = await openPostgres({ url: urlOf('control'), timeoutMs: 20_000 });
  const { code, err } = await headgate(['audit', 'prepare', '--url', urlOf('audit_owner')]);
  expect([code, err]).toEqual([0, '']);
});
afterAll(async () => {
  for (const db of [superuser, owner, control]) await db?.close();
  await postgres?.close();
});

describeAuditStore('the audit store in PostgreSQL, to the owner of its tables', () => owner);

/** Twenty records of a log, brought there by the login of control. */
async function storeLog() {
  await emptyAudit(owner);
  const log = await testLog();
  await log.anchored(10);
  await log.anchored(8);
  await shipOnce(log, control);
  await log.close();
  return log;
}

describe('the login of control', () => {
  it('needs no more rights than to append and to read', async () => {
    expect(await layOut(control)).toEqual({ owner: false });
    await storeLog();
    expect(await verifyAll(control)).toMatchObject([{ records: 20, anchors: 2 }]);
    const { rows } = await control.query(`SELECT fact->>'route' AS route FROM audit.facts WHERE seq = 5`, []);
    expect(rows).toEqual([{ route: '/predict' }]);
  });

  it.each([
    ...REFUSED,
    'ALTER TABLE audit.records DISABLE TRIGGER ALL',
    'DROP TRIGGER refuse_change ON audit.records',
    'DROP TABLE audit.records',
    'DROP SCHEMA audit CASCADE',
    `CREATE OR REPLACE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    `SET session_replication_role = replica`,
  ])('may not: %s', async (sql) => {
    await storeLog();
    const before = await contentOf(control);
    // insufficient_privilege
    await expect(control.query(sql, [])).rejects.toMatchObject({ code: '42501' });
    expect(await contentOf(control)).toEqual(before);
  });
});

it('the triggers hold for a superuser too, unless it takes them away', async () => {
  await storeLog();
  for (const sql of REFUSED) await expect(superuser.query(sql, [])).rejects.toThrow('append-only');
  await superuser.query('SET session_replication_role = replica', []);
  await expect(superuser.query('DELETE FROM audit.records', [])).rejects.toThrow('append-only');
  await superuser.query('RESET session_replication_role', []);
});

describe('headgate audit verify --database', () => {
  const verify = (...more: string[]) =>
    headgate(['audit', 'verify', '--database', ...more], {
      nowMs: Date.now,
      env: { HEADGATE_AUDIT__STORE: 'postgres', HEADGATE_AUDIT__POSTGRES_URL: urlOf('control') },
    });

  it('finds intact what was shipped', async () => {
    const { headsFile } = await storeLog();
    const { code, out } = await verify('--heads', headsFile, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out).logs).toMatchObject([
      { writer: 'gateway-test', records: 20, anchors: 2, fault: null },
    ]);
  });

  it.each(TAMPERING)('fails where a superuser left %s, from record %i: %s', async (kind, seq, _how, sql) => {
    const { headsFile } = await storeLog();
    await tamper(superuser, sql);
    const { code, err } = await verify('--heads', headsFile);
    expect(code).toBe(1);
    expect(err).toContain(`gateway-test: record ${seq} is ${kind}`);
  });

  it('finds a removed end by the heads outside, where the heads in the database were removed with it', async () => {
    const { headsFile } = await storeLog();
    await superuser.script(`
      ALTER TABLE audit.heads DISABLE TRIGGER ALL;
      DELETE FROM audit.heads WHERE seq > 11;
      ALTER TABLE audit.heads ENABLE ALWAYS TRIGGER refuse_change;
    `);
    await tamper(superuser, 'DELETE FROM audit.records WHERE seq > 11');
    const empty = join(tempDir(), 'heads.jsonl');
    writeFileSync(empty, '');
    expect(await verify('--heads', empty)).toMatchObject({
      code: 3,
      err: expect.stringContaining('no head of 1 writers (gateway-test)'),
    });
    const { code, err } = await verify('--heads', headsFile);
    expect([code, err]).toEqual([1, expect.stringContaining('record 12 is truncated')]);
  });
});

describe('headgate audit verify', () => {
  /** Against the database, from a machine that may share it with others. */
  const verify = ({ dir, headsFile }: { dir: string; headsFile: string }, ...more: string[]) =>
    headgate(['audit', 'verify', ...more], {
      nowMs: Date.now,
      env: {
        HEADGATE_AUDIT__STORE: 'postgres',
        HEADGATE_AUDIT__POSTGRES_URL: urlOf('control'),
        HEADGATE_AUDIT__DIR: dir,
        HEADGATE_AUDIT__HEADS_FILE: headsFile,
        HEADGATE_AUDIT__KEYS_DIR: join(dir, '..', 'keys'),
      },
    });
  const elsewhere = () => ({ dir: tempDir(), headsFile: join(tempDir(), 'heads.jsonl') });

  it('compares a log with what is stored of it, and names what lies on other machines', async () => {
    const log = await storeLog();
    const { code, out, err } = await verify(log);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(
      'gateway-test: 20 records intact up to 20, 2 anchored, 0 lost when they happened, 20 in',
    );
    const other = await verify(elsewhere());
    expect([other.code, other.err]).toEqual([
      3,
      expect.stringContaining('gateway-test: its log is not here'),
    ]);
    expect((await verify(elsewhere(), '--writer', 'gateway-test')).code).toBe(1);
  });

  it('says that the database was not asked where it does not answer', async () => {
    const log = await storeLog();
    const env = {
      HEADGATE_AUDIT__STORE: 'postgres',
      HEADGATE_AUDIT__POSTGRES_URL: 'postgres://127.0.0.1:1/none',
    };
    for (const mode of [['--dir', log.dir], ['--database']]) {
      const { code, err } = await headgate(['audit', 'verify', '--heads', log.headsFile, ...mode], { env });
      expect([code, err]).toEqual([3, expect.stringContaining('the store was not asked')]);
    }
  });

  it('fails where an attacker with the login of control went on with another one’s chain', async () => {
    await emptyAudit(owner);
    const log = await testLog();
    await log.anchored(10);
    await shipOnce(log, control);
    const store = sqlAuditStore(control);
    const last = await store.last('gateway-test');
    if (!last) throw new Error('nothing is stored');
    const { head, bytes } = link(last, 'gateway-test', last.atMs, { type: 'anchor' });
    const forged = { seq: head.seq, atMs: last.atMs, hash: head.hash, body: bytes.subarray(HASH_BYTES) };
    await store.append('gateway-test', [forged]);
    await log.anchored(5);
    const faults: string[] = [];
    await shipOnce(log, control, { fault: (_, error) => faults.push(error.message) });
    expect(faults).toEqual([expect.stringContaining('record 13 of gateway-test does not go on')]);
    const { code, err } = await verify(log);
    expect([code, err]).toEqual([1, expect.stringContaining('gateway-test: record 12 is replaced')]);
    await log.close();
  });

  it.each([
    ['replaced', 11, 'a head that contradicts a record'],
    ['truncated', 21, 'a head of records that are nowhere'],
  ])('fails where an attacker with the login of control stored, as %s, from %i: %s', async (kind, seq) => {
    const log = await storeLog();
    const head = { writer: 'gateway-test', seq, hash: Buffer.alloc(HASH_BYTES, 7), atMs: 1 };
    await sqlAuditStore(control).appendHeads([head]);
    const { code, err } = await verify(log);
    expect([code, err]).toEqual([1, expect.stringContaining(`gateway-test: record ${seq} is ${kind}`)]);
  });

  it('fails where an attacker with the login of control made up a writer of this machine', async () => {
    const log = await storeLog();
    const { head, bytes } = link(GENESIS, 'gateway-9', Date.now(), { type: 'anchor' });
    const record = { seq: 1, atMs: Date.now(), hash: head.hash, body: bytes.subarray(HASH_BYTES) };
    await sqlAuditStore(control).append('gateway-9', [record]);
    const { code, err } = await verify(log, '--writer', 'gateway-9', 'gateway-test');
    expect([code, err]).toEqual([1, expect.stringContaining('gateway-9: record 1 is truncated')]);
  });
});

it('has every record once after PostgreSQL was killed and started again while logs were shipped', async () => {
  await emptyAudit(owner);
  const log = await testLog();
  let failures = 0;
  const shipper = startAuditShipper({
    dir: log.dir,
    headsFile: log.headsFile,
    openStore: async () => sqlAuditStore(control),
    batchRecords: 50,
    firstAfterMs: 0,
    intervalMs: 5,
    report: {
      stored: () => undefined,
      anchored: () => undefined,
      fault: () => undefined,
      failed: () => void failures++,
    },
  });
  for (let round = 0; round < 5; round++) await log.anchored(200);
  const killed = postgres.primary.kill();
  for (let round = 0; round < 5; round++) await log.anchored(200);
  await killed;
  await expect.poll(() => failures, { timeout: 20_000 }).toBeGreaterThan(0);
  await postgres.primary.start();
  await log.anchored(200);
  await log.close();
  const records = 11 * 201;
  await expect
    .poll(() => verifyAll(control).catch(() => []), { timeout: 30_000 })
    .toMatchObject([{ records, anchors: 11, last: { seq: records } }]);
  await shipper.stop();
});
