import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@headgate/runtime/clock';
import { readLogFile } from '../spool/files.ts';
import { scanFrames } from '../spool/frame.ts';
import { isMisnamed, sequenceIn } from '../spool/segments.ts';
import type { DropCause, Gap, SpoolReport } from '../spool/spool.ts';
import { type AuditFact, GENESIS, type Head, link, unlink } from './chain.ts';
import { lastHeadIn } from './heads.ts';

/** Links facts into a chain as the log takes them, and takes links back that did not get there. */
export interface ChainWriter {
  /** Bytes of the next record. The log calls it in the order in which it writes. */
  encode(fact: AuditFact, atMs: number): Uint8Array;
  /** Bytes of the record in place of lost ones; the first of a write. */
  encodeGap(gap: Gap): Uint8Array;
  /** The last record that is in the log. */
  head(): Head;
  /** What the log must tell, so that the chain knows which records are in it. */
  readonly report: Pick<SpoolReport, 'written' | 'dropped'>;
}

/** @param last the record that the next one follows */
export function createChainWriter(last: Head, writer: string, clock: Clock): ChainWriter {
  let written = last;
  /** Encoded since, on their way to disk. */
  let pending: Head[] = [];

  const encode = (fact: AuditFact, atMs: number): Uint8Array => {
    const { head, bytes } = link(pending.at(-1) ?? written, writer, atMs, fact);
    pending.push(head);
    return bytes;
  };

  return {
    encode,
    encodeGap({ dropped, fromMs, toMs, cause }) {
      // A gap opens a write. One that was left alone in the write before was not written.
      pending = [];
      return encode({ type: 'gap', dropped, from_ms: fromMs, to_ms: toMs, cause }, clock.epochMs());
    },
    head: () => written,
    report: {
      written() {
        written = pending.at(-1) ?? written;
        pending = [];
      },
      dropped(_, cause) {
        const back = LOST_AFTER_ENCODING[cause];
        if (back === 'all') pending = [];
        else if (back === 'last') pending.pop();
      },
    },
  };
}

/**
 * Which encoded records are lost, by cause: a failed write loses all of its records, a full log the one that was just
 * encoded. The other causes come before encoding, maybe while a write is on its way.
 */
const LOST_AFTER_ENCODING: Record<DropCause, 'none' | 'last' | 'all'> = {
  backlog: 'none',
  invalid: 'none',
  bound: 'last',
  disk_full: 'all',
  disk_error: 'all',
};

export interface LastRecord {
  /** What the next record follows. */
  readonly head: Head;
  /** The log ends before the head that was anchored outside: its end was cut. */
  readonly truncated: boolean;
  /** Neither a record nor a head of this writer was found: a chain begins. */
  readonly begins: boolean;
  /** The log says that heads of it were written outside, and none is there. */
  readonly headsLost: boolean;
}

/**
 * Where a chain goes on after a restart. After a cut it goes on from the anchored head, so that the cut stays visible.
 *
 * @param dir the log of the writer; may not exist yet
 */
export async function findLastRecord(dir: string, headsFile: string, writer: string): Promise<LastRecord> {
  const { head: logged, anchored: wasAnchored } = await lastInLog(dir);
  const anchored = (await lastHeadIn(headsFile, writer)) ?? GENESIS;
  const truncated = anchored.seq > logged.seq;
  const head = truncated ? anchored : logged;
  return { head, truncated, begins: head.seq === 0, headsLost: wasAnchored && anchored.seq === 0 };
}

/** The last record of a log, and whether one beside it says that a head was written outside. */
async function lastInLog(dir: string): Promise<{ readonly head: Head; readonly anchored: boolean }> {
  // Only what does not exist counts as nothing: a log that cannot be read must not begin again.
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names
    .filter((one) => sequenceIn(one) !== undefined)
    .sort()
    .reverse()) {
    const { frames } = scanFrames(await readLogFile(join(dir, name)));
    if (isMisnamed(name, frames[0])) continue;
    const records = frames.map(({ payload }) => unlink(payload)).filter((one) => one !== undefined);
    const last = records.at(-1);
    const anchored = records.some(({ record }) => record.type === 'anchor');
    if (last) return { head: { seq: last.record.seq, hash: Buffer.from(last.hash) }, anchored };
  }
  return { head: GENESIS, anchored: false };
}
