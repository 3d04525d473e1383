import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { type AuditFact, type AuditRecord, unlink } from '../audit/chain.ts';
import { type FileAuditOptions, openFileAudit } from '../audit/file-audit.ts';
import { parseHeads } from '../audit/heads.ts';
import { openPseudonyms } from '../audit/pseudonyms.ts';
import type { AuditEntry } from '../audit/sink.ts';
import { ChainVerifier } from '../audit/verify.ts';
import { scanFrames } from '../spool/frame.ts';
import { TEST_LIMITS } from './spool.ts';

export const AUDIT_WRITER = 'gateway-test';

export const CALL: AuditEntry = {
  atMs: 1_700_000_000_000,
  requestId: 'request-1',
  keyId: 'client01',
  address: '192.0.2.1',
  method: 'POST',
  route: '/predict',
  status: 200,
  reason: undefined,
};

/** An audit log below `dir`, as a gateway has it; it writes only when it is flushed. */
export async function testAudit(dir: string, options: Partial<FileAuditOptions> = {}) {
  const clock = new ManualClock();
  const dropped: string[] = [];
  const unwritten: AuditFact[] = [];
  const keys = { dir: join(dir, 'keys'), clock, addressDays: 30, credentialDays: 400 };
  const raise = (error: unknown) => {
    throw error;
  };
  const audit = await openFileAudit({
    dir: join(dir, 'log', AUDIT_WRITER),
    writer: AUDIT_WRITER,
    headsFile: join(dir, 'heads.jsonl'),
    pseudonyms: await openPseudonyms(keys, raise),
    clock,
    limits: TEST_LIMITS,
    soon: () => undefined,
    keepMs: 1000,
    report: {
      written: () => undefined,
      dropped: (records, cause) => void dropped.push(`${records} ${cause}`),
      damaged: () => undefined,
      unwritten: (counts) => void unwritten.push(counts),
    },
    ...options,
  });
  return { audit, clock, dropped, unwritten };
}

/** Payloads of the log below `dir`, in the order of its files. */
function auditPayloads(dir: string): Uint8Array[] {
  const log = join(dir, 'log', AUDIT_WRITER);
  const files = readdirSync(log).filter((name) => name.endsWith('.log'));
  return files
    .sort()
    .flatMap((name) => scanFrames(readFileSync(join(log, name))).frames)
    .map(({ payload }) => payload);
}

export function auditRecords(dir: string): AuditRecord[] {
  return auditPayloads(dir).map((bytes) => unlink(bytes)?.record as AuditRecord);
}

/** What `headgate audit verify` finds. */
export function verifyAudit(dir: string) {
  const verifier = new ChainVerifier(AUDIT_WRITER, parseHeads(headsIn(dir)), { trimmed: true });
  for (const bytes of auditPayloads(dir)) verifier.add(bytes);
  return verifier.end();
}

function headsIn(dir: string): string {
  try {
    return readFileSync(join(dir, 'heads.jsonl'), 'utf8');
  } catch {
    return '';
  }
}
