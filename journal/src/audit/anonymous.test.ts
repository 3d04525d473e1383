import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, describe, expect, it } from 'vitest';
import { auditRecords, CALL, testAudit, verifyAudit } from '../testing/audit.ts';
import { fragileFiles } from '../testing/spool.ts';
import { type Anonymous, createAnonymous } from './anonymous.ts';
import type { AuditFact } from './chain.ts';

const STRANGER = { ...CALL, keyId: undefined, status: 401, reason: 'missing_credential' as const };

let clock: ManualClock;
let written: AuditFact[];
let isFull: boolean;
let anonymous: Anonymous;
beforeEach(() => {
  clock = new ManualClock();
  written = [];
  isFull = false;
  anonymous = createAnonymous({
    clock,
    write: async (fact) => {
      if (isFull) throw new Error('full');
      written.push(fact);
    },
  });
});
/** How many of so many calls have a record each. */
const own = (calls: number, entry: Partial<typeof CALL> = {}) =>
  Array.from({ length: calls }, (_, i) =>
    anonymous.takes({ ...STRANGER, address: `192.0.2.${i}`, ...entry }),
  ).filter(Boolean).length;

describe('Calls without an identity', () => {
  it('have a record each, a hundred at once and then one a second', async () => {
    expect(own(150)).toBe(100);
    clock.advance(3000);
    expect(own(10)).toBe(3);
    clock.advance(1e9);
    expect(own(150)).toBe(100);
  });

  it('beyond that are counted in one record for the time of all, which says what it is', async () => {
    own(100);
    own(20, { atMs: 5000 });
    own(10, { atMs: 9000, reason: 'wrong_key', address: '192.0.2.1' });
    own(1, { atMs: 4000, reason: undefined, address: undefined });
    await anonymous.settle();
    expect(written).toEqual([]);
    clock.advance(5000);
    await anonymous.settle();
    await anonymous.settle(true);
    expect(written).toEqual([
      {
        type: 'aggregate',
        of: 'calls without an identity',
        calls: 31,
        from_ms: 4000,
        to_ms: 9000,
        reasons: { missing_credential: 20, none: 1, wrong_key: 10 },
        addresses: 20,
        more_addresses: false,
      },
    ]);
  });

  it('are counted on while the disk is full: none is lost, and no memory fills', async () => {
    own(100);
    isFull = true;
    for (let network = 0; network < 30; network++) {
      for (let host = 0; host < 100; host++) own(1, { address: `10.0.${network}.${host}` });
      await anonymous.settle(true);
    }
    isFull = false;
    own(1, { reason: 'wrong_key' });
    await anonymous.settle(true);
    expect(written).toMatchObject([
      {
        calls: 3001,
        reasons: { missing_credential: 3000, wrong_key: 1 },
        addresses: 1000,
        more_addresses: true,
      },
    ]);
  });
});

describe('An audit log under a flood of strangers', () => {
  it('keeps a record of each identified call, and of all others together', async () => {
    const dir = tempDir();
    const { audit } = await testAudit(dir);
    for (let i = 0; i < 1000; i++) {
      audit.record({ ...STRANGER, address: `192.0.2.${i % 7}` });
      if (i % 10 === 0) audit.record(CALL);
      if (i % 100 === 0) await audit.flush();
    }
    await audit.anchor();
    await audit.close();
    const records = auditRecords(dir);
    const calls = records.filter((record) => record.type === 'call');
    expect(calls.filter(({ who }) => who !== null)).toHaveLength(100);
    expect(calls.filter(({ who }) => who === null)).toHaveLength(100);
    expect(records.filter(({ type }) => type === 'aggregate')).toMatchObject([{ calls: 900, addresses: 7 }]);
    // The anchor comes after it: a stop loses no count.
    expect(records.at(-1)?.type).toBe('anchor');
    expect(verifyAudit(dir)).not.toHaveProperty('fault');
  });

  it('tells what it could not write before it is closed', async () => {
    const disk = fragileFiles();
    const { audit, unwritten } = await testAudit(tempDir(), { files: disk.files });
    for (let i = 0; i < 150; i++) audit.record(STRANGER);
    disk.failing = { code: 'ENOSPC', on: 'write' };
    await audit.close();
    expect(unwritten).toMatchObject([{ type: 'aggregate', calls: 50 }]);
  });
});
