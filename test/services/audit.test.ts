import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { METRIC } from '@headgate/contracts/names';
import { type AuditRecord, unlink } from '@headgate/journal/audit/chain';
import { DAY_MS } from '@headgate/runtime/clock';
import { eventually } from '@headgate/testkit/eventually';
import { type Answer, type Client, httpClient } from '@headgate/testkit/http';
import { closedLoad } from '@headgate/testkit/load';
import { scrape, total } from '@headgate/testkit/metrics';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { type OwnedStack, pidOf, processesOf, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readLog } from '../../control/src/audit/read-log.ts';
import { verifyLogs } from '../../control/src/audit/verify-logs.ts';
import { headgate } from '../../control/src/testing/command-line.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

const WITHIN_MS = 60_000;
const DISK_BYTES = 32 * 2 ** 20;

const photo = samplePhoto('digit-7.png');
const disk: SmallDisk | undefined = mountSmallDisk(DISK_BYTES);
const dir = mkdtempSync(join(tmpdir(), 'headgate-audit-'));
const logs = join(disk?.dir ?? dir, 'audit');
const headsFile = join(dir, 'heads.jsonl');
const keysFile = join(dir, 'keys.yaml');
/** For the stack, and for commands beside it. */
const AUDIT = {
  HEADGATE_AUDIT__SINK: 'file',
  HEADGATE_AUDIT__DIR: logs,
  HEADGATE_AUDIT__HEADS_FILE: headsFile,
  HEADGATE_AUDIT__KEYS_DIR: join(dir, 'pseudonyms'),
  HEADGATE_GATEWAY__KEYS_FILE: keysFile,
};
let stack: OwnedStack;
let client: Client;

/** The whole path with the digits model, its audit log on a disk of its own. */
beforeAll(async () => {
  const routing = join(dir, 'routing.yaml');
  cpSync(join(ROOT, 'config/routing.fallback.yaml'), routing);
  cpSync(join(ROOT, 'state/keys.yaml'), keysFile);
  stack = await startStack({
    env: {
      ...AUDIT,
      HEADGATE_ROUTING_FILE: routing,
      HEADGATE_AUDIT__WRITER: 'gateway',
      HEADGATE_AUDIT__ANCHOR_INTERVAL_MS: '200',
    },
  });
  client = httpClient(stack.ready.gateway);
}, 240_000);

afterAll(async () => {
  await client?.close();
  await stack?.stop();
  disk?.remove();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const predict = () => postPhoto(client, photo, { key: stack.ready.keys.bench });
/** A change that an administrator asks for; inference refuses it after it is on record, because routing decides. */
const change = (requestId: string) =>
  client.send({
    method: 'POST',
    path: '/v2/repository/models/digits/load',
    headers: { 'x-api-key': stack.ready.keys.admin, 'x-request-id': requestId },
    body: '',
  });
/** A command beside the stack, which knows its secret. */
const command = (...argv: string[]) =>
  headgate(argv, {
    env: {
      ...AUDIT,
      HEADGATE_LISTEN__PORT_BASE: String(stack.portBase),
      HEADGATE_LISTEN__INTERNAL_SECRET_FILE: 'state/internal.secret',
    },
    fetch,
    nowMs: Date.now,
  });
const reasonOf = ({ text }: Answer) => (JSON.parse(text) as { reason?: string }).reason;
const counter = async (name: string, labels = {}) => total(await scrape(stack.ready.metrics), name, labels);
const waits = (what: string, look: () => Promise<boolean>) => eventually(look, { what, withinMs: WITHIN_MS });

async function records(): Promise<AuditRecord[]> {
  const found: AuditRecord[] = [];
  for await (const bytes of readLog(join(logs, 'gateway'))) {
    const record = unlink(bytes)?.record;
    if (record) found.push(record);
  }
  return found;
}

/** Writers, and what is wrong with their logs. */
const faults = async () => {
  const found = await verifyLogs({
    dir: logs,
    headsFile,
    headsAreCopy: true,
    askStore: undefined,
    storeIsShared: false,
    only: undefined,
    keepMs: DAY_MS,
    maxBytes: 2 ** 30,
    nowMs: Date.now,
  });
  return found.logs.map(({ writer, fault }) => [writer, fault]);
};
const INTACT = [
  ['control-gateway', null],
  ['gateway', null],
  [`headgate-${hostname()}`, null],
  ['inference-gateway', null],
];

it('keeps every change that was answered when the gateway is killed, and no record of the chain is lost before the last', async () => {
  const load = closedLoad(4, predict);
  const promised: string[] = [];
  let asked = 0;
  const changes = closedLoad(2, async () => {
    const id = `killed-${asked++}`;
    const answer = await change(id).catch(() => undefined);
    // What is refused by inference is on record as attempted.
    if (answer && reasonOf(answer) !== 'records_unavailable' && answer.status < 500) promised.push(id);
  });
  await waits('changes on record', async () => promised.length > 50);
  const victim = pidOf(stack, 'gateway');
  process.kill(victim, 'SIGKILL');
  await waits('another gateway', async () => {
    const [next, ...others] = processesOf(stack, 'gateway');
    return (
      next !== undefined && next.pid !== victim && others.length === 0 && (await predict()).status === 200
    );
  });
  await Promise.all([load.stop().catch(() => []), changes.stop()]);
  await waits('a change on record', async () => (await change('after-the-kill')).status < 500);

  const kept = new Set(
    (await records())
      .filter(({ type }) => type === 'change')
      .map((one) => 'request_id' in one && one.request_id),
  );
  expect(promised.length).toBeGreaterThan(50);
  expect(promised.filter((id) => !kept.has(id))).toEqual([]);
  expect(kept).toContain('after-the-kill');
  expect((await faults()).filter(([, fault]) => fault)).toEqual([]);
}, 120_000);

it('puts on record each routing table that is put in force or refused, and each change of the keys', async () => {
  const routing = readFileSync(stack.routingFile, 'utf8');
  const changes = async (action: string) =>
    (await records()).filter((record) => record.type === 'change' && record.action === action);
  const waitsFor = (action: string, outcome: string, count: number) =>
    waits(`${action} ${outcome}`, async () => {
      const found = await changes(action);
      return found.filter((record) => 'outcome' in record && record.outcome === outcome).length >= count;
    });
  const digests = async () =>
    (await changes('routing.reload')).map((record) => record.type === 'change' && record.detail.sha256);
  const before = new Set(await digests());
  writeFileSync(stack.routingFile, 'models: none of them');
  await waitsFor('routing.reload', 'refused', 1);
  writeFileSync(stack.routingFile, routing.replace(/salt: .*/, 'salt: another'));
  await waits('another table', async () => (await digests()).some((one) => one && !before.has(one)));
  writeFileSync(stack.routingFile, routing);

  const reloads = (await changes('keys.reload')).length;
  const created = await command('keys', 'create', '--name', 'Alice', '--json');
  expect(created.code, created.err).toBe(0);
  await waitsFor('keys.reload', 'accepted', reloads + 1);
  const revoked = await command('keys', 'revoke', JSON.parse(created.out).id);
  expect(revoked.code, revoked.err).toBe(0);
});

it('is in the database of control as well, as headgate audit verify --database finds', async () => {
  await waits('every record in the database', async () => {
    const { code, out, err } = await command('audit', 'verify', '--database', '--json');
    if (code !== 0) throw new Error(err);
    const { logs: stored } = JSON.parse(out) as { logs: { writer: string; last_seq: number }[] };
    const ends = new Map(stored.map(({ writer, last_seq }) => [writer, last_seq]));
    // Gateway, inference, control and the command line.
    return stored.length === 4 && (ends.get('gateway') ?? 0) > 100;
  });
  // The gateway looks at what is stored at each anchor.
  await waits('the gateway to notice', async () => (await counter(METRIC.auditStored)) > 0);
  // Also while the service writes.
  await waits('all of it checked', async () => {
    const { code, err } = await command('audit', 'verify');
    if (code !== 0) throw new Error(err);
    return true;
  });
}, 150_000);

it.skipIf(disk === undefined && process.env.CI !== 'true')(
  'answers predictions while the disk is full, refuses changes, counts what is lost in a gap of the chain, and heals by itself (needs root for a tmpfs)',
  async () => {
    if (disk === undefined) throw new Error('a tmpfs cannot be mounted here');
    const lost = () => counter(METRIC.auditDropped, { cause: 'disk_full' });
    const load = closedLoad(4, predict);
    await waits('a first answer', async () => load.samples.length > 0);
    disk.fill();
    await waits('losses', async () => (await lost()) > 20);
    const refused = await change('on-a-full-disk');
    expect([refused.status, reasonOf(refused)]).toEqual([503, 'records_unavailable']);
    disk.free();
    await waits(
      'a change on record',
      async () => reasonOf(await change('after-the-full-disk')) !== 'records_unavailable',
    );
    const samples = await load.stop();
    expect(samples.filter(({ result }) => result.status !== 200).map(({ result }) => result.text)).toEqual(
      [],
    );

    const all = await records();
    const gaps = all.filter((record) => record.type === 'gap');
    expect(gaps.map(({ cause }) => cause)).toContain('disk_full');
    expect(gaps.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(await counter(METRIC.auditDropped));
    const ids = all.map((record) => ('request_id' in record ? record.request_id : null));
    expect(ids).not.toContain('on-a-full-disk');
    expect(ids).toContain('after-the-full-disk');
    expect(await faults()).toEqual(INTACT);
  },
  120_000,
);
