import { join } from 'node:path';
import type { Clock } from '@headgate/runtime/clock';
import { readRegularFile } from '@headgate/runtime/read-file';
import { appendLine, readLogFile } from '../spool/files.ts';
import { scanFrames } from '../spool/frame.ts';
import type { Spool, SpoolLimits } from '../spool/spool.ts';
import { type AuditFact, type AuditRecord, TRIM, unlink } from './chain.ts';
import { headLine } from './heads.ts';

/** File in the directory of a log: up to which record it is stored elsewhere. */
export const SHIPMENT_FILE = 'shipped.json';

/** More than a place and a hash take. */
const SHIPMENT_BYTES = 4096;

/** The last record that the store has. */
export interface Shipment {
  readonly seq: number;
  /** As hex. */
  readonly hash: string;
}

/** What such a file says; undefined when that is nothing. */
function parseShipment(text: string): Shipment | undefined {
  try {
    const { seq, hash } = JSON.parse(text);
    return Number.isSafeInteger(seq) && /^[0-9a-f]{64}$/.test(hash) ? { seq, hash } : undefined;
  } catch {
    return undefined;
  }
}

export interface TrimOptions {
  /** Log of this writer, where control notes how far it has stored it. */
  readonly dir: string;
  readonly writer: string;
  readonly headsFile: string;
  readonly clock: Clock;
  readonly limits: Pick<SpoolLimits, 'maxBytes'>;
  readonly keepMs: number;
  readonly spool: Pick<Spool, 'finished' | 'reader' | 'stats'>;
  /** Settles once the fact is a durable record of the log. */
  readonly write: (fact: AuditFact) => Promise<unknown>;
}

interface End {
  readonly record: AuditRecord;
  readonly hash: Uint8Array;
}

export interface Trim {
  /** Removes the oldest file of the log, if it need not be kept. @returns false when nothing was removed */
  trim(): Promise<boolean>;
  /** Place of the last record that is stored elsewhere, as `trim` saw it last. */
  storedSeq(): number;
}

export function createTrim(options: TrimOptions): Trim {
  const { dir, writer, headsFile, clock, limits, keepMs, spool, write } = options;

  let storedSeq = 0;

  const mayGo = ({ record }: End): boolean => {
    const isOld = record.at_ms < clock.epochMs() - keepMs;
    return record.seq <= storedSeq && (isOld || spool.stats().bytes > limits.maxBytes / 2);
  };

  const trim = async (): Promise<boolean> => {
    storedSeq = await storedUpTo(dir);
    const [oldest] = spool.finished();
    if (!oldest || storedSeq === 0) return false;
    const end = await endOf(oldest.path);
    if (!end || !mayGo(end)) return false;

    const { seq } = end.record;
    const fact = trimOf(end);
    const noted = await write(fact).then(
      () => true,
      () => false,
    );
    await appendLine(headsFile, headLine({ writer, seq, hash: end.hash, atMs: clock.epochMs() }));
    await spool.reader.acknowledge(oldest.lastSequence);
    // A full log has room for the record only now.
    if (!noted) await write(fact);
    return true;
  };

  return { trim, storedSeq: () => storedSeq };
}

function trimOf({ record, hash }: End): AuditFact {
  const detail = { up_to: record.seq, sha256: Buffer.from(hash).toString('hex') };
  return { type: 'change', who: 'system', action: TRIM, outcome: 'accepted', detail, request_id: null };
}

/** Place of the last record of the log in `dir` that is stored elsewhere; 0 when nothing is. */
export async function storedUpTo(dir: string): Promise<number> {
  const bytes = await readRegularFile(join(dir, SHIPMENT_FILE), { maxBytes: SHIPMENT_BYTES }).catch(
    (error) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    },
  );
  return parseShipment(bytes.toString())?.seq ?? 0;
}

/** The last record in a file. */
async function endOf(path: string): Promise<End | undefined> {
  const { frames } = scanFrames(await readLogFile(path));
  return unlink(frames.at(-1)?.payload ?? Buffer.alloc(0));
}
