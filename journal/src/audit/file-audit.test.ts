import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditRecords, CALL, testAudit, verifyAudit } from '../testing/audit.ts';
import { fragileFiles, promisedBeforeKill, TEST_LIMITS } from '../testing/spool.ts';
import type { FileAudit } from './file-audit.ts';
import type { AuditChange } from './sink.ts';
import { SHIPMENT_FILE } from './trim.ts';

const CHANGE: AuditChange = {
  atMs: CALL.atMs,
  keyId: 'admin001',
  action: 'model.load',
  outcome: 'attempted',
  detail: { model: 'net' },
  requestId: 'request-2',
};

describe('the audit log', () => {
  it('says who did what, when, with which outcome, without a name or an address', async () => {
    const dir = tempDir();
    const { audit } = await testAudit(dir);
    audit.record({ ...CALL, status: 403, reason: 'scope_missing' });
    audit.record({ ...CALL, keyId: undefined, address: undefined });
    audit.record({ ...CALL, keyId: 'oidc_0123456789abcdef' });
    await audit.change(CHANGE);
    await audit.close();
    const [call, nobody, subject, change] = auditRecords(dir);
    expect(call).toEqual({
      v: 1,
      writer: 'gateway-test',
      seq: 1,
      at_ms: CALL.atMs,
      type: 'call',
      who: 'key:client01',
      address: expect.stringMatching(/^[0-9a-f]{32}$/),
      method: 'POST',
      route: '/predict',
      status: 403,
      reason: 'scope_missing',
      request_id: 'request-1',
    });
    expect(subject).toMatchObject({ seq: 3, who: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(nobody).toMatchObject({ seq: 2, who: null, address: null, reason: null });
    expect(change).toMatchObject({
      seq: 4,
      who: 'key:admin001',
      action: 'model.load',
      detail: { model: 'net' },
    });
    expect(JSON.stringify(auditRecords(dir))).not.toMatch(/oidc_|192\.0\.2\.1/);
  });

  it('is one chain over restarts, and its anchored head shows a cut end', async () => {
    const dir = tempDir();
    for (let start = 0; start < 3; start++) {
      const { audit } = await testAudit(dir);
      expect(audit.found).toEqual({ begins: start === 0, truncated: false, headsLost: false });
      audit.record(CALL);
      await audit.anchor();
      await audit.anchor();
      await audit.close();
    }
    expect(verifyAudit(dir)).toMatchObject({ records: 6, anchors: 3, last: { seq: 6 } });

    const log = join(dir, 'log', 'gateway-test');
    const last = readdirSync(log)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(-1);
    rmSync(join(log, last as string));
    expect(verifyAudit(dir).fault).toMatchObject({ kind: 'truncated', seq: 5 });
    // Going on does not heal it.
    const { audit } = await testAudit(dir);
    expect(audit.found).toMatchObject({ truncated: true, headsLost: false });
    await audit.change(CHANGE);
    await audit.close();
    expect(verifyAudit(dir).fault).toMatchObject({ kind: 'removed', seq: 5 });
  });
});

describe('old files of the log', () => {
  const shipped = (dir: string, seq: number) =>
    writeFileSync(
      join(dir, 'log', 'gateway-test', SHIPMENT_FILE),
      JSON.stringify({ seq, hash: '0'.repeat(64) }),
    );
  /** Thirty records in files of a few each, all of them older than they must be kept. */
  async function oldLog(limits = { ...TEST_LIMITS, segmentBytes: 1000 }) {
    const dir = tempDir();
    const opened = await testAudit(dir, { limits });
    for (let i = 0; i < 30; i++) {
      opened.audit.record({ ...CALL, atMs: opened.clock.epochMs() });
      await opened.audit.flush();
    }
    opened.clock.advance(2000);
    return { dir, ...opened };
  }
  const trimAll = async (audit: FileAudit) => {
    while (await audit.trim());
  };

  it('go when they are stored elsewhere, and the log is intact from there on, also after a restart', async () => {
    const { dir, audit } = await oldLog();
    await trimAll(audit);
    expect(auditRecords(dir)[0]?.seq).toBe(1);
    shipped(dir, 20);
    await trimAll(audit);
    expect(audit.stats()).toMatchObject({ storedSeq: 20 });
    const [first] = auditRecords(dir);
    expect(first?.seq).toBeGreaterThan(10);
    expect(first?.seq).toBeLessThanOrEqual(21);
    expect(verifyAudit(dir).fault).toBeUndefined();
    await audit.close();

    const again = await testAudit(dir, { limits: { ...TEST_LIMITS, segmentBytes: 1000 } });
    again.clock.advance(10_000);
    shipped(dir, 10_000);
    await trimAll(again.audit);
    expect(auditRecords(dir)[0]?.seq).toBeGreaterThan(30);
    await again.audit.change(CHANGE);
    await again.audit.close();
    expect(verifyAudit(dir).fault).toBeUndefined();
  });

  it('show it when somebody else removed them, even up to an anchored head', async () => {
    const { dir, audit } = await oldLog();
    await audit.anchor();
    await audit.close();
    const { audit: next } = await testAudit(dir);
    await next.change(CHANGE);
    await next.close();
    const log = join(dir, 'log', 'gateway-test');
    const files = readdirSync(log)
      .filter((name) => name.endsWith('.log'))
      .sort();
    for (const name of files.slice(0, -1)) rmSync(join(log, name));
    expect(verifyAudit(dir).fault).toMatchObject({ kind: 'removed', seq: 1 });
  });

  it('stay while they are young, unless the log is half full', async () => {
    const { dir, audit, clock } = await oldLog();
    clock.advance(-2000);
    shipped(dir, 30);
    expect(await audit.trim()).toBe(false);
    await audit.close();
    const small = await testAudit(dir, { limits: { ...TEST_LIMITS, maxBytes: 10_000 }, keepMs: 1e12 });
    await trimAll(small.audit);
    expect(small.audit.stats().bytes).toBeLessThan(6000);
    expect(small.audit.stats().bytes).toBeGreaterThan(2000);
    await small.audit.close();
    expect(verifyAudit(dir).fault).toBeUndefined();
  });

  it('go from a log of its full size, which has room then', async () => {
    const limits = { ...TEST_LIMITS, segmentBytes: 1000, maxBytes: 6000 };
    const { dir, audit } = await oldLog(limits);
    await expect(audit.change(CHANGE)).rejects.toMatchObject({ reason: 'records_unavailable' });
    shipped(dir, 1000);
    await trimAll(audit);
    await audit.change(CHANGE);
    await audit.close();
    expect(verifyAudit(dir).fault).toBeUndefined();
  });
});

describe('while the disk is full', () => {
  it('calls go on and are counted in a gap of the chain, and changes are refused', async () => {
    const dir = tempDir();
    const disk = fragileFiles();
    const { audit, clock, dropped } = await testAudit(dir, { files: disk.files });
    audit.record(CALL);
    await audit.flush();
    disk.failing = { on: 'write', code: 'ENOSPC' };
    audit.record(CALL);
    audit.record(CALL);
    await expect(audit.change(CHANGE)).rejects.toMatchObject({ reason: 'records_unavailable' });
    expect(dropped).toEqual(['3 disk_full']);
    disk.failing = undefined;
    clock.advance(1000);
    await audit.change(CHANGE);
    await audit.close();
    expect(auditRecords(dir).map(({ type, seq }) => [type, seq])).toEqual([
      ['call', 1],
      ['gap', 2],
      ['change', 3],
    ]);
    expect(verifyAudit(dir)).toMatchObject({ records: 3, gaps: 3 });
    expect(verifyAudit(dir).fault).toBeUndefined();
  });

  it('the same holds for a log of its full size', async () => {
    const dir = tempDir();
    const limits = { ...TEST_LIMITS, maxBytes: 2000, segmentBytes: 1000 };
    const { audit, dropped } = await testAudit(dir, { limits });
    for (let i = 0; i < 20; i++) {
      audit.record(CALL);
      if (i % 3 === 0) await audit.flush();
    }
    await expect(audit.change(CHANGE)).rejects.toMatchObject({ reason: 'records_unavailable' });
    expect(dropped.every((text) => text === '1 bound')).toBe(true);
    await audit.close();
    expect(verifyAudit(dir).fault).toBeUndefined();
    expect(verifyAudit(dir).records).toBeGreaterThan(2);
  });
});

it('keeps an intact chain, and counts what is missing, whatever the disk does', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('calls' as const), count: fc.integer({ min: 1, max: 8 }) }),
    fc.constant({ do: 'change' as const }),
    fc.constant({ do: 'anchor' as const }),
    fc.constant({ do: 'restart' as const }),
    fc.record({
      do: fc.constant('fail' as const),
      on: fc.constantFrom('create', 'write', 'sync'),
      code: fc.constantFrom('ENOSPC', 'EIO'),
    }),
    fc.constant({ do: 'mend' as const }),
  );
  const limits = { ...TEST_LIMITS, segmentBytes: 900, batchBytes: 700, waiting: 6 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const dir = tempDir();
      const disk = fragileFiles();
      let opened = await testAudit(dir, { files: disk.files, limits });
      let [taken, lost] = [0, 0];
      const close = async () => {
        disk.failing = undefined;
        opened.clock.advance(1000);
        await opened.audit.close();
        lost += opened.dropped.reduce((sum, text) => sum + Number.parseInt(text, 10), 0);
      };
      for (const step of steps) {
        if (step.do === 'calls') {
          for (let i = 0; i < step.count; i++) opened.audit.record(CALL);
          taken += step.count;
          if (step.count > 4) await opened.audit.flush();
        } else if (step.do === 'change') {
          taken += 1;
          await opened.audit.change(CHANGE).catch(() => undefined);
        } else if (step.do === 'anchor') {
          await opened.audit.anchor().catch(() => undefined);
        } else if (step.do === 'fail') {
          disk.failing = step;
        } else {
          disk.failing = undefined;
          opened.clock.advance(1000);
          if (step.do === 'mend') continue;
          await close();
          opened = await testAudit(dir, { files: disk.files, limits });
        }
      }
      await close();
      const { fault, gaps } = verifyAudit(dir);
      expect(fault).toBeUndefined();
      const kept = auditRecords(dir).filter(({ type }) => type === 'call' || type === 'change').length;
      // Anchors may be lost too, and are no loss.
      expect(gaps).toBe(lost);
      expect(kept + lost).toBeGreaterThanOrEqual(taken);
    }),
    { numRuns: 60 },
  );
});

/** Makes changes for ever, between calls that nobody waits for, and prints each one that is promised. */
const WRITER = (dir: string) => `
import { openFileAudit } from ${JSON.stringify(new URL('./file-audit.ts', import.meta.url).href)};
const clock = { monotonicMs: () => performance.now(), epochMs: () => Date.now() };
const audit = await openFileAudit({
  dir: ${JSON.stringify(join(dir, 'log', 'gateway-test'))},
  writer: 'gateway-test',
  headsFile: ${JSON.stringify(join(dir, 'heads.jsonl'))},
  pseudonyms: { credential: (id) => id, address: (address) => address },
  clock,
  limits: ${JSON.stringify({ ...TEST_LIMITS, segmentBytes: 20_000 })},
  keepMs: 1000,
  report: { written() {}, dropped() {}, damaged() {}, unwritten() {} },
});
for (let i = 0; ; i++) {
  audit.record(${JSON.stringify(CALL)});
  await audit.change({ ...${JSON.stringify(CHANGE)}, requestId: String(i) });
  if (i % 10 === 0) await audit.anchor();
  process.stdout.write(i + '\\n');
}`;

it('loses no change that was promised when its process is killed, and the chain goes on', async () => {
  const dir = tempDir();
  const promised = await promisedBeforeKill(dir, WRITER(dir), 1000);
  expect(promised.length).toBeGreaterThan(50);

  const { audit } = await testAudit(dir);
  await audit.change(CHANGE);
  await audit.close();
  const kept = new Set(auditRecords(dir).map((record) => record.type === 'change' && record.request_id));
  expect(promised.filter((id) => !kept.has(id))).toEqual([]);
  expect(verifyAudit(dir).fault).toBeUndefined();
});
