import type { Clock } from '@headgate/runtime/clock';
import type { WriteSoon } from '@headgate/runtime/write-soon';
import { appendLine, type SpoolFiles } from '../spool/files.ts';
import { openSpool, type SpoolLimits, type SpoolReport } from '../spool/spool.ts';
import { createAnonymous } from './anonymous.ts';
import type { AuditFact } from './chain.ts';
import { type ChainWriter, createChainWriter, findLastRecord, type LastRecord } from './chain-writer.ts';
import { headLine } from './heads.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import type { AuditChange, AuditEntry, AuditSink } from './sink.ts';
import { createTrim } from './trim.ts';

export interface FileAuditOptions {
  /** Log of this writer alone. */
  readonly dir: string;
  readonly writer: string;
  /** Shared by writers; heads are appended to it. */
  readonly headsFile: string;
  readonly pseudonyms: Pick<Pseudonyms, 'credential' | 'address'>;
  readonly clock: Clock;
  readonly limits: SpoolLimits;
  /** A file that is stored elsewhere is removed when its last record is so old, in ms, or the log is half full. */
  readonly keepMs: number;
  readonly report: AuditReport;
  readonly files?: SpoolFiles;
  readonly soon?: WriteSoon;
}

export interface AuditReport extends SpoolReport {
  /** Counts of calls that the log did not take until it was closed. */
  unwritten(counts: AuditFact): void;
}

export interface AuditStats {
  /** On disk. */
  readonly bytes: number;
  /** Places in the chain: of its last record, and of the last one that is stored elsewhere. */
  readonly lastSeq: number;
  readonly storedSeq: number;
}

export interface FileAudit extends AuditSink {
  /** What was found when it was opened. */
  readonly found: Omit<LastRecord, 'head'>;
  /** Writes the head outside of the log, unless it is there already. Fails as a disk fails. */
  anchor(): Promise<void>;
  /**
   * Removes the oldest file of the log, if it need not be kept. That it is removed is a record itself, and the head up
   * to there is anchored: the log can be verified from there on.
   *
   * @returns false when nothing was removed
   */
  trim(): Promise<boolean>;
  /** Settles once everything that was recorded before is written or lost. */
  flush(): Promise<void>;
  /** Settles once everything that was recorded before survives a power cut, or is lost. Fails as a disk fails. */
  sync(): Promise<void>;
  stats(): AuditStats;
  close(): Promise<void>;
}

/**
 * The audit log as a hash chain on disk.
 *
 * @throws SpoolLockedError while another process writes this log
 */
export async function openFileAudit(options: FileAuditOptions): Promise<FileAudit> {
  const { dir, writer, headsFile, pseudonyms, clock, report } = options;
  const { head, ...found } = await findLastRecord(dir, headsFile, writer);
  const chain = createChainWriter(head, writer, clock);
  const spool = await openSpool({
    ...options,
    encodeGap: chain.encodeGap,
    report: reportToBoth(chain.report, report),
  });
  const write = (fact: AuditFact, atMs = clock.epochMs()) =>
    spool.appendDurable(() => chain.encode(fact, atMs));
  const { trim, storedSeq } = createTrim({ ...options, spool, write });
  const anonymous = createAnonymous({ clock, write });
  let anchoredSeq = head.seq;

  return {
    found,
    record(entry) {
      if (entry.keyId === undefined && !anonymous.takes(entry)) return;
      spool.append(() => chain.encode(callOf(entry, pseudonyms), entry.atMs));
    },
    async change(change) {
      await spool.appendDurable(() => chain.encode(changeOf(change, pseudonyms), change.atMs));
    },
    async anchor() {
      await anonymous.settle(true);
      await spool.flush();
      if (chain.head().seq === anchoredSeq) return;
      const atMs = clock.epochMs();
      // Durable first: a head must never be ahead of what survives a power cut.
      await write({ type: 'anchor' }, atMs);
      const durable = chain.head();
      await appendLine(headsFile, headLine({ ...durable, writer, atMs }));
      anchoredSeq = durable.seq;
    },
    trim,
    flush: spool.flush,
    async sync() {
      await anonymous.settle();
      await spool.sync();
    },
    stats: () => ({ bytes: spool.stats().bytes, lastSeq: chain.head().seq, storedSeq: storedSeq() }),
    async close() {
      const unwritten = await anonymous.settle(true);
      if (unwritten) report.unwritten(unwritten);
      await spool.close();
    },
  };
}

/** The chain learns first what is in the log. */
function reportToBoth(chain: ChainWriter['report'], { damaged, written, dropped }: SpoolReport): SpoolReport {
  return {
    damaged,
    written(records) {
      chain.written(records);
      written(records);
    },
    dropped(records, cause) {
      chain.dropped(records, cause);
      dropped(records, cause);
    },
  };
}

function callOf({ keyId, address, ...entry }: AuditEntry, names: FileAuditOptions['pseudonyms']): AuditFact {
  return {
    type: 'call',
    who: keyId === undefined ? null : names.credential(keyId, entry.atMs),
    address: address === undefined ? null : names.address(address, entry.atMs),
    method: entry.method,
    route: entry.route,
    status: entry.status,
    reason: entry.reason ?? null,
    request_id: entry.requestId,
    ...(entry.predictionId !== undefined && { id: entry.predictionId }),
    ...(entry.traceId !== undefined && { trace_id: entry.traceId }),
  };
}

function changeOf(
  { keyId, atMs, action, outcome, detail, requestId }: AuditChange,
  names: FileAuditOptions['pseudonyms'],
): AuditFact {
  const who = keyId === undefined ? 'system' : names.credential(keyId, atMs);
  return { type: 'change', who, action, outcome, detail, request_id: requestId ?? null };
}
