import { type ExecFileException, execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { HEADER, METRIC, portOf } from '@headgate/contracts/names';
import { openPostgres } from '@headgate/stores/postgres/database';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { type Answer, type Client, httpClient, httpsClient } from '@headgate/testkit/http';
import { closedLoad, type RunningLoad } from '@headgate/testkit/load';
import { scrape, total } from '@headgate/testkit/metrics';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import type { PostgresServer } from '@headgate/testkit/services/postgres-server';
import { type OwnedStack, pidOf, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

const FULL = process.env.E2E_FULL === '1';
const OUTAGE_MS = FULL ? 30_000 : 3000;
const CALLERS = 8;
const SETTLED_WITHIN_MS = 60_000;
/** Room for the records of the longest outage, many times. */
const DISK_BYTES = 48 * 2 ** 20;

const photo = samplePhoto('digit-7.png');
const disk: SmallDisk | undefined = mountSmallDisk(DISK_BYTES);
const dir = mkdtempSync(join(tmpdir(), 'headgate-records-'));
let cluster: TestPostgres;
let stack: OwnedStack;
let client: Client;
let address: string;

/** The whole path with the digits model, its records on a disk of their own, and two servers to keep them. */
beforeAll(async () => {
  cluster = await startPostgresCluster({ replica: true });
  const routing = join(dir, 'routing.yaml');
  cpSync(join(ROOT, 'config/routing.fallback.yaml'), routing);
  const { primary, replica } = cluster;
  address = cluster.url.replace(`:${primary.port}/`, `:${primary.port},127.0.0.1:${replica?.port}/`);
  stack = await startStack({
    env: {
      HEADGATE_ROUTING_FILE: routing,
      HEADGATE_RECORDS__SINK: 'postgres',
      HEADGATE_RECORDS__POSTGRES_URL: `${address}?target_session_attrs=read-write`,
      HEADGATE_RECORDS__SPOOL_DIR: join(disk?.dir ?? dir, 'spool'),
      HEADGATE_AUDIT__STORE: 'postgres',
      HEADGATE_AUDIT__POSTGRES_URL: address,
      HEADGATE_AUDIT__ANCHOR_INTERVAL_MS: '200',
    },
  });
  client = stack.ready.https ? httpsClient(stack.ready) : httpClient(stack.ready.gateway);
}, 240_000);

afterAll(async () => {
  await client?.close();
  const orphans = await stack?.stop();
  await cluster?.close();
  disk?.remove();
  rmSync(dir, { recursive: true, force: true });
  expect(orphans).toEqual([]);
}, 60_000);

const ask = () => postPhoto(client, photo, { key: stack.ready.keys.bench });
const gauge = async (name: string, labels = {}) => total(await scrape(stack.ready.metrics), name, labels);
const breaker = () => gauge(METRIC.breakerState, { dependency: 'database' });
/** Of the process that brings the audit log into the same database. */
const breakerOfControl = async () =>
  total(await scrape(`http://127.0.0.1:${portOf(stack.portBase, 'control')}/metrics`), METRIC.breakerState);
const waits = (what: string, look: () => Promise<boolean>) =>
  eventually(look, { what, withinMs: SETTLED_WITHIN_MS });

const settled = () =>
  waits('a closed breaker and an empty spool', async () => {
    const page = await scrape(stack.ready.metrics);
    return total(page, METRIC.spoolUndelivered) === 0 && total(page, METRIC.breakerState) === 0;
  });

/** Stops the load; every answer must be a prediction. @returns their ids */
async function answered(load: RunningLoad<Answer>): Promise<string[]> {
  const samples = await load.stop();
  expect(samples.filter(({ result }) => result.status !== 200).map(({ result }) => result.text)).toEqual([]);
  return samples.map(({ result }) => (JSON.parse(result.text) as { id: string }).id);
}

/** The predictions that a server has, in the order of their ids; a record that is there twice is twice in it. */
async function idsIn(server: PostgresServer): Promise<string[]> {
  return (await server.sql('SELECT id FROM predictions ORDER BY id')).split('\n').filter(Boolean);
}

/** Those of `ids` that a server does not have. */
async function missingIn(server: PostgresServer, ids: readonly string[]): Promise<string[]> {
  const kept = new Set(await idsIn(server));
  return ids.filter((id) => !kept.has(id));
}

/** The last records are in memory for a moment, where no metric counts them, so the rows themselves are waited for. */
async function expectEachOnce(ids: readonly string[], server: PostgresServer): Promise<void> {
  const complete = async () => (await missingIn(server, ids)).length === 0;
  await waits('every record', complete).catch(() => undefined);
  const rows = await idsIn(server);
  const duplicates = rows.length - new Set(rows).size;
  expect({ lost: await missingIn(server, ids), duplicates }).toEqual({ lost: [], duplicates: 0 });
}

/** The script as an operator runs it. */
async function failOver(): Promise<{ code: number; output: string }> {
  const file = join(dir, 'address');
  writeFileSync(file, address, { mode: 0o600 });
  return new Promise((resolve) => {
    const args = ['scripts/failover.ts', '--address-file', file];
    const done = (error: ExecFileException | null, stdout: string, stderr: string) =>
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
    execFile(process.execPath, args, { cwd: ROOT, timeout: 60_000 }, done);
  });
}

describe('Records while PostgreSQL is killed and started again under load', () => {
  it('are all there once, and no prediction fails', async () => {
    const load = closedLoad(CALLERS, ask);
    await waits('a delivery', async () => (await gauge(METRIC.recordsShipped, { outcome: 'delivered' })) > 0);
    await cluster.primary.kill();
    const killedMs = performance.now();
    await waits('open breakers', async () => (await breaker()) === 2 && (await breakerOfControl()) === 2);
    await pause(Math.max(0, killedMs + OUTAGE_MS - performance.now()));
    const waiting = await gauge(METRIC.spoolUndelivered);
    expect(waiting).toBeGreaterThan(0);
    await cluster.primary.start();
    const downFor = secondsSince(killedMs);
    const revivedMs = performance.now();
    await waits('a delivery after the outage', async () => (await breaker()) === 0);
    const healed = secondsSince(revivedMs);
    const ids = await answered(load);
    await settled();
    console.log(
      `PostgreSQL down for ${downFor}: ${ids.length} predictions, 0 failed; ${waiting} records waited; ` +
        `deliveries again ${healed} after it was back, all delivered ${secondsSince(revivedMs)} after it`,
    );
    await expectEachOnce(ids, cluster.primary);
    await waits('a closed breaker in control', async () => (await breakerOfControl()) === 0);
  }, 180_000);
});

describe.skipIf(disk === undefined && process.env.CI !== 'true')(
  'While the disk of the spool is full (needs root for a tmpfs)',
  () => {
    const full = () => {
      if (disk === undefined) throw new Error('a tmpfs cannot be mounted here');
      disk.fill();
    };
    const lost = () => gauge(METRIC.recordsDropped, { cause: 'disk_full' });
    const judge = (answer: Answer | undefined) =>
      client.send({
        path: '/v1/feedback',
        headers: { 'content-type': 'application/json', [HEADER.apiKey]: stack.ready.keys.bench },
        body: JSON.stringify({ prediction_id: JSON.parse(answer?.text ?? '{}').id, index: 0, label: '7' }),
      });
    const keptAgain = async () => {
      const written = await gauge(METRIC.recordsWritten);
      await waits('records', async () => (await gauge(METRIC.recordsWritten)) > written);
    };

    it('records are counted as lost, feedback is refused, no prediction fails, and it ends by itself', async () => {
      const load = closedLoad(CALLERS, ask);
      await waits('a first answer', async () => load.samples.length > 0);
      full();
      await waits('losses', async () => (await lost()) > 0);
      await waits('a refusal of feedback', async () => {
        // What is delivered makes room again.
        full();
        const { status, text } = await judge(load.samples.at(-1)?.result);
        return status === 503 && JSON.parse(text).reason === 'records_unavailable';
      });
      disk?.free();
      const freedMs = performance.now();
      await keptAgain();
      const healed = secondsSince(freedMs);
      const ids = await answered(load);
      await settled();
      const dropped = await lost();
      console.log(
        `disk full: ${dropped} records lost and counted; kept again ${healed} after there was room`,
      );
      // The feedback is one of the lost records, and it is no prediction.
      const missing = async () => (await missingIn(cluster.primary, ids)).length;
      await waits('what is not lost', async () => (await missing()) < dropped);
      expect(await missing()).toBe(dropped - 1);
      expect(Number(await cluster.primary.sql('SELECT sum(dropped) FROM gaps'))).toBe(dropped);
    }, 120_000);

    it('a gateway that was killed starts again and predicts', async () => {
      full();
      process.kill(pidOf(stack, 'gateway'), 'SIGKILL');
      await waits('predictions', async () => (await ask()).status === 200 && (await lost()) > 0);
      disk?.free();
      const load = closedLoad(CALLERS, ask);
      await keptAgain();
      await answered(load);
      await settled();
    }, 120_000);
  },
);

describe('Records while the primary is lost and the standby takes over', () => {
  it('are all on the standby, those that the primary had acknowledged too', async () => {
    const { primary, replica } = cluster as Required<TestPostgres> & { replica: PostgresServer };
    const acknowledged = () => gauge(METRIC.recordsShipped, { outcome: 'delivered' });
    const before = await acknowledged();
    const load = closedLoad(CALLERS, ask);
    await waits('deliveries', async () => (await acknowledged()) > before + 50);
    const tooEarly = await failOver();
    expect([tooEarly.code, tooEarly.output]).toEqual([
      1,
      expect.stringContaining('takes writes; stop it first'),
    ]);

    // The worst moment: the standby has not heard of the last commits, so nobody was told that they are kept.
    replica.pause();
    await waits('records that wait', async () => (await gauge(METRIC.spoolUndelivered)) > 50);
    await primary.kill();
    const killedMs = performance.now();
    replica.resume();
    await waits('an open breaker', async () => (await breaker()) === 2);
    const promotion = await failOver();
    expect(promotion.code, promotion.output).toBe(0);
    await waits('deliveries to the new primary', async () => (await breaker()) === 0);
    const healed = secondsSince(killedMs);
    const ids = await answered(load);
    await settled();
    const shipped = (await acknowledged()) - before;
    console.log(
      `primary lost: ${ids.length} predictions, 0 failed, ${shipped} records; deliveries again after ${healed}`,
    );
    await expectEachOnce(ids, replica);
    await waits('a closed breaker in control', async () => (await breakerOfControl()) === 0);
  }, 180_000);

  it('are not taken by the lost primary, when somebody starts it again by mistake', async () => {
    await cluster.primary.start();
    const old = await openPostgres({ url: cluster.primary.url, timeoutMs: 1000 });
    await expect(old.query("INSERT INTO gaps VALUES ('w', 1, 1, now(), now(), 'bound')", [])).rejects.toThrow(
      'timeout',
    );
    await old.close();
  });

  it('are on two servers again once the lost primary is rebuilt as the standby of the new one', async () => {
    const { primary, replica, standbyOf } = cluster;
    await primary.stop();
    const rebuilt = await standbyOf(replica as PostgresServer, 'rebuilt');
    const ids = await answered(closedLoad(CALLERS, ask));
    await settled();
    await expectEachOnce(ids, rebuilt);
  });
});
