import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import { openPostgres, type PostgresDatabase } from '@headgate/stores/postgres/database';
import { NO_SECRET } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { startPart } from '@headgate/testkit/part';
import { ROOT } from '@headgate/testkit/root';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { layOut } from '../../control/src/audit/store/layout.ts';
import { emptyAudit, testLog, verifyAll } from '../../control/src/testing/audit-store.ts';
import { headgate } from '../../control/src/testing/command-line.ts';

let postgres: TestPostgres;
let db: PostgresDatabase;

beforeAll(async () => {
  postgres = await startPostgresCluster();
  db = await openPostgres({ url: postgres.url, timeoutMs: 20_000 });
  await layOut(db);
});
beforeEach(() => emptyAudit(db));
afterAll(async () => {
  await db?.close();
  await postgres?.close();
});

const storesInPostgres = () => ({
  HEADGATE_RECORDS__SINK: 'postgres',
  HEADGATE_RECORDS__POSTGRES_URL: postgres.url,
  HEADGATE_AUDIT__STORE: 'postgres',
  HEADGATE_AUDIT__POSTGRES_URL: postgres.url,
});

/** The process beside a gateway or inference process in its pod. */
function startShipAudit({ dir, headsFile }: { dir: string; headsFile: string }, anchorIntervalMs = 300_000) {
  const child = spawn(process.execPath, [join(ROOT, 'control/src/ship-audit.ts')], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HEADGATE_ROOT: ROOT,
      HEADGATE_AUDIT__DIR: dir,
      HEADGATE_AUDIT__HEADS_FILE: headsFile,
      // By default the first look comes long after the test.
      HEADGATE_AUDIT__ANCHOR_INTERVAL_MS: String(anchorIntervalMs),
      ...NO_SECRET,
      ...storesInPostgres(),
    },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  const ended = once(child, 'close');
  return {
    output: () => output,
    /** @returns its exit code */
    async terminate(): Promise<unknown> {
      await expect.poll(() => output, { timeout: 20_000 }).toContain('audit logs are shipped');
      child.kill('SIGTERM');
      return (await ended)[0];
    },
  };
}

const verify = (...more: string[]) =>
  headgate(['audit', 'verify', '--database', ...more], { nowMs: Date.now, env: storesInPostgres() });

it('two control processes keep nothing on their disk where PostgreSQL keeps everything', async () => {
  const dir = tempDir();
  for (const name of ['one', 'two']) {
    const env = {
      ...storesInPostgres(),
      HEADGATE_RECORDS__EMBEDDED_DIR: join(dir, name),
      HEADGATE_AUDIT__DIR: join(dir, `audit-${name}`),
      HEADGATE_AUDIT__HEADS_FILE: join(dir, `heads-${name}`),
    };
    const control = await startPart('control', { readyPage: '/readyz', env });
    onTestFinished(() => control.stop());
    expect(await control.page('/livez')).toMatchObject({ status: 204 });
    const url = `http://127.0.0.1:${portOf(control.portBase, 'control')}/internal/records`;
    expect((await fetch(url, { method: 'POST' })).status).toBe(404);
  }
  expect(['one', 'two'].filter((name) => existsSync(join(dir, name)))).toEqual([]);
});

it('a pod that ends leaves all its audit records, and its heads in its output, by which they verify', async () => {
  const log = await testLog();
  const shipper = startShipAudit(log);
  await log.anchored(20);
  await log.anchored(10);
  await log.close();
  expect(await shipper.terminate()).toBe(0);
  expect(await verifyAll(db)).toMatchObject([{ records: 32, anchors: 2 }]);

  const none = join(tempDir(), 'none.jsonl');
  writeFileSync(none, '');
  expect(await verify('--heads', none)).toMatchObject({
    code: 3,
    err: expect.stringContaining('no head of 1 writers (gateway-test)'),
  });
  const copy = join(tempDir(), 'copy.jsonl');
  const heads = shipper
    .output()
    .split('\n')
    .filter((line) => line.includes('"hash"'));
  writeFileSync(copy, heads.map((line) => `${line}\n`).join(''));
  expect([heads.length, await verify('--heads', copy)]).toMatchObject([2, { code: 0, err: '' }]);
});

it('a store that was replaced by an empty one while a pod runs gets its log from the first record', async () => {
  const log = await testLog();
  await log.anchored(20);
  const shipper = startShipAudit(log, 1000);
  await expect.poll(() => shipper.output(), { timeout: 20_000 }).toContain('"hash"');
  await db.script('DROP SCHEMA audit CASCADE');
  await log.anchored(10);
  await expect.poll(() => shipper.output(), { timeout: 20_000 }).toContain('cannot be stored');
  await log.close();
  expect(await shipper.terminate()).toBe(0);
  expect(await verifyAll(db)).toMatchObject([{ records: 32 }]);
});

it('the store that comes back while a pod ends gets the rest', async () => {
  const log = await testLog();
  await log.anchored(20);
  await log.close();
  await postgres.primary.kill();
  const shipper = startShipAudit(log);
  const exit = shipper.terminate();
  await expect.poll(() => shipper.output(), { timeout: 20_000 }).toContain('cannot be stored');
  await postgres.primary.start();
  expect(await exit).toBe(0);
  expect(await verifyAll(db)).toMatchObject([{ records: 21, anchors: 1 }]);
});
