import { type Head, link, TRIM } from '@headgate/journal/audit/chain';
import { AUDIT_WRITER, CALL, testAudit } from '@headgate/journal/testing/audit';
import { TEST_LIMITS } from '@headgate/journal/testing/spool';

export const MINUTE_MS = 60_000;

/** Ten calls and an anchor, so many times. @returns when it ended */
export async function writeLog(at: string, rounds: number): Promise<number> {
  const limits = { ...TEST_LIMITS, segmentBytes: 1000 };
  const { audit, clock } = await testAudit(at, { limits });
  clock.advance(rounds * MINUTE_MS);
  for (let round = 0; round < rounds; round += 1) {
    for (let call = 0; call < 10; call += 1) {
      audit.record({ ...CALL, atMs: clock.epochMs(), requestId: `request-${round}-${call}` });
      await audit.flush();
    }
    clock.advance(MINUTE_MS);
    await audit.anchor();
  }
  await audit.close();
  return clock.epochMs();
}

/** Forges records that follow a head: the chain has no key. */
export function forged(from: Head, facts: number, writer = AUDIT_WRITER, atMs = CALL.atMs) {
  const records: Uint8Array[] = [];
  let last = from;
  for (let i = 0; i < facts; i += 1) {
    const next = link(last, writer, atMs, { type: 'anchor' });
    records.push(next.bytes);
    last = next.head;
  }
  return { records, last };
}

/** A record that says that everything up to `upTo` was to be removed, after `from`. */
export const forgedTrim = (from: Head, upTo: Head, atMs: number) =>
  link(from, AUDIT_WRITER, atMs, {
    type: 'change',
    who: 'system',
    action: TRIM,
    outcome: 'accepted',
    detail: { up_to: upTo.seq, sha256: Buffer.from(upTo.hash).toString('hex') },
    request_id: null,
  });
