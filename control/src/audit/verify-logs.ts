import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { AnchoredHead } from '@headgate/journal/audit/heads';
import { type ChainFault, type ChainResult, ChainVerifier } from '@headgate/journal/audit/verify';
import { FRAME_HEADER_BYTES } from '@headgate/journal/spool/frame';
import { SPOOL_DEFAULTS } from '@headgate/journal/spool/spool';
import { readHeads, uncheckedIn } from './heads-files.ts';
import { firstSeqIn, readLog, strangersIn, writersIn } from './read-log.ts';
import {
  type LogBegins,
  MAX_LAG_MS,
  type StoredChain,
  StoreNotAskedError,
  summaryOf,
  type VerifiedLog,
} from './verify.ts';

/** What was found in the log of one writer, as it is printed. */
export interface LogReport extends VerifiedLog {
  /** Records before the first one of the log. */
  readonly removed: number;
  /** Records in the store; null when no store was asked. */
  readonly stored: number | null;
  /** When the last of them was stored; null when there is none. Records written and removed since then cannot be found. */
  readonly stored_until: string | null;
  /** Records that neither the store nor, without a store, a head confirms. */
  readonly unconfirmed: number;
  /** When the first of them was written; null when there are none. */
  readonly unconfirmed_since: string | null;
}

export interface Findings {
  readonly logs: readonly LogReport[];
  /** What could not be checked, as sentences. */
  readonly unchecked: readonly string[];
}

export interface LogsToVerify {
  /** Holds a directory a writer. */
  readonly dir: string;
  readonly headsFile: string;
  /** The heads were kept elsewhere: they may lack newer ones, and prove something without a store. */
  readonly headsAreCopy: boolean;
  /** Undefined where there is no store. After a StoreNotAskedError nothing is confirmed. */
  readonly askStore: ((logs: LogBegins) => Promise<readonly StoredChain[]>) | undefined;
  /** The store holds writers of other machines too: one without a trace here is no sign of a removal. */
  readonly storeIsShared: boolean;
  /** Only these writers; undefined: all of them. */
  readonly only: readonly string[] | undefined;
  /** By which rules a writer removes old records. */
  readonly keepMs: number;
  readonly maxBytes: number;
  /** Wall clock in ms since the Unix epoch. */
  readonly nowMs: () => number;
}

/** Files of a log may be removed, by its writer, while it is read. */
const ATTEMPTS = 3;

/** Verifies the log of every writer that has one, an anchored head, or records in the store, against all three. */
export async function verifyLogs(options: LogsToVerify): Promise<Findings> {
  for (let attempt = 1; ; attempt += 1) {
    const begins = await beginsOf(options.dir);
    const look = async () => ({ findings: await lookAt(options, begins) });
    const { findings, error }: { findings?: Findings; error?: NodeJS.ErrnoException } = await look().catch(
      (error) => ({ error }),
    );
    const unchanged = isDeepStrictEqual(begins, await beginsOf(options.dir));
    if (findings && (unchanged || attempt === ATTEMPTS)) return findings;
    if (error && (error.code !== 'ENOENT' || attempt === ATTEMPTS)) throw error;
  }
}

/** Where each log begins. A directory that is not there holds none. */
async function beginsOf(dir: string): Promise<LogBegins> {
  const writers = await writersIn(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return Promise.all(
    writers.map(async (writer) => ({ writer, first_seq: await firstSeqIn(join(dir, writer)) })),
  );
}

async function lookAt(options: LogsToVerify, begins: LogBegins): Promise<Findings> {
  const unchecked: string[] = [];
  const stored = await confirmed(options, begins, unchecked);
  // After the store, which has its heads from the file; before the logs, whose newer records need no head yet.
  const read = await readHeads(options.headsFile);
  const { heads } = read;
  unchecked.push(...uncheckedIn(options.headsFile, read));
  const logged = begins.map(({ writer }) => writer);
  const known = [...logged, ...heads.map(({ writer }) => writer), ...(stored?.keys() ?? [])];
  const logs: LogReport[] = [];
  const look = { ...options, asked: stored !== undefined, unchecked };
  for (const writer of [...new Set(known)].sort()) {
    if (options.only && !options.only.includes(writer)) continue;
    const own = heads.filter((head) => head.writer === writer);
    const log = { writer, heads: own, hasLog: logged.includes(writer), stored: stored?.get(writer) };
    logs.push(await verifyLog(log, look));
  }
  const unknown = options.only?.filter((writer) => !known.includes(writer)) ?? [];
  for (const writer of unknown)
    unchecked.push(`${writer}: neither a log nor a head nor a stored record is known`);
  return { logs, unchecked };
}

/** Stored chains by writer; undefined without a store, or when it was not asked. */
async function confirmed(options: LogsToVerify, begins: LogBegins, unchecked: string[]) {
  const { askStore, headsAreCopy } = options;
  if (!askStore) {
    if (!headsAreCopy) unchecked.push('no store and no copy of the heads from elsewhere confirms the logs');
    return undefined;
  }
  try {
    const chains = await askStore(begins);
    const latestMs = chains.reduce((latest, { end }) => Math.max(latest, end?.stored_at_ms ?? 0), 0);
    if (latestMs > options.nowMs() + MAX_LAG_MS) {
      unchecked.push(`the clock here is behind that of the store, which has records of ${isoOf(latestMs)}`);
    }
    return new Map(chains.map((chain) => [chain.writer, chain]));
  } catch (error) {
    if (!(error instanceof StoreNotAskedError)) throw error;
    unchecked.push(error.message);
    return undefined;
  }
}

interface Log {
  readonly writer: string;
  readonly heads: readonly AnchoredHead[];
  readonly hasLog: boolean;
  readonly stored: StoredChain | undefined;
}

interface LookOptions extends LogsToVerify {
  /** The store was asked, and may know nothing of a writer. */
  readonly asked: boolean;
  /** Gathers what is found. */
  readonly unchecked: string[];
}

async function verifyLog(log: Log, options: LookOptions): Promise<LogReport> {
  const { writer, hasLog, stored } = log;
  if (!hasLog && stored?.end && !isExpectedHere(log, options)) {
    return reportOf(new ChainVerifier(writer, [], { trimmed: true }).end(), stored, stored.fault);
  }
  const { asked, unchecked, nowMs } = options;
  const { result, bytes } = await walk(log, options);
  const fault =
    result.fault ??
    (stored?.fault && { ...stored.fault, message: `in the store: ${stored.fault.message}` }) ??
    unanchored(result, log, options) ??
    trimmedTooSoon(result, bytes, { stored, ...options }) ??
    (hasLog ? await strange(result, join(options.dir, writer)) : undefined);
  const { first, tail } = result;
  if (!asked && first > 1) {
    unchecked.push(`${writer}: the records up to ${first - 1} are removed, and no store was asked for them`);
  }
  const { records, sinceMs = 0 } = tail;
  // A clock that was changed cannot make it young.
  if (records > 0 && Math.abs(nowMs() - sinceMs) > MAX_LAG_MS) {
    const by = asked ? 'stored' : 'anchored';
    unchecked.push(`${writer}: ${records} records since ${isoOf(sinceMs)} are not ${by}`);
  }
  return reportOf(result, asked ? (stored ?? null) : undefined, fault ?? null);
}

/** Reads a log from its first to its last record. */
async function walk({ writer, heads, hasLog, stored }: Log, { dir, asked }: LookOptions) {
  const lastHeadSeq = heads.reduce((last, { seq }) => Math.max(last, seq), 0);
  const verifier = new ChainVerifier(writer, [...heads, ...headsOf(stored)], {
    trimmed: true,
    confirmedSeq: asked ? (stored?.end?.seq ?? 0) : lastHeadSeq,
    base: asked ? (headOf(writer, stored?.base) ?? null) : undefined,
  });
  if (!hasLog) return { result: verifier.end(), bytes: 0 };
  // Of records alone: anybody can fill a log with bytes that are none.
  let bytes = 0;
  for await (const record of readLog(join(dir, writer))) {
    if (!verifier.add(record)) break;
    bytes += FRAME_HEADER_BYTES + record.byteLength;
  }
  return { result: verifier.end(), bytes };
}

/**
 * Should the log of a stored chain be here? It should not once all of it is stored for longer than logs are kept; the
 * time in a record may be forged.
 */
function isExpectedHere({ writer, heads, stored }: Log, options: LookOptions): boolean {
  const { storeIsShared, only, nowMs, keepMs, unchecked } = options;
  const { seq = 0, stored_at_ms = 0 } = stored?.end ?? {};
  if (stored_at_ms < nowMs() - keepMs && heads.every((head) => head.seq <= seq)) return false;
  if (!storeIsShared || heads.length > 0 || only?.includes(writer)) return true;
  unchecked.push(`${writer}: its log is not here; the store has ${seq} records of it`);
  return false;
}

/** The writer reads no such file: somebody else put it there. */
async function strange({ last }: ChainResult, dir: string): Promise<ChainFault | undefined> {
  const names = await strangersIn(dir);
  if (names.length === 0) return undefined;
  return { kind: 'foreign', seq: last.seq + 1, message: `its writer did not make ${names.join(', ')}` };
}

/** Heads that were there before are gone, or all are, though the log says that it wrote some. */
function unanchored(
  { first, lastAnchor }: ChainResult,
  { heads, stored }: Log,
  { headsAreCopy, nowMs }: LookOptions,
): ChainFault | undefined {
  if (headsAreCopy) return undefined;
  const there = new Set(heads.map(({ seq }) => seq));
  const expected = (stored?.heads ?? []).filter(({ seq }) => seq >= first);
  const gone = expected.filter(({ seq }) => !there.has(seq));
  if (gone[0]) {
    const message = `the heads file lacks ${gone.length} of the ${expected.length} heads that the store has of this log`;
    return { kind: 'unanchored', seq: gone[0].seq, message };
  }
  // A head follows its record at once; a program may be killed between them.
  if (heads.length > 0 || !lastAnchor || Math.abs(nowMs() - lastAnchor.atMs) < 10_000) return undefined;
  const message = 'the log was anchored there, and the heads file has no head of it';
  return { kind: 'unanchored', seq: lastAnchor.seq, message };
}

/** A writer removes a file once it is old, or while the log is half full: afterwards the log has almost half its size. */
function trimmedTooSoon(
  { first }: ChainResult,
  bytes: number,
  {
    stored,
    keepMs,
    maxBytes,
    nowMs,
  }: Pick<LogsToVerify, 'keepMs' | 'maxBytes' | 'nowMs'> & Pick<Log, 'stored'>,
): ChainFault | undefined {
  if (first <= 1 || !stored?.base) return undefined;
  const wasOld = stored.base.at_ms < nowMs() - keepMs;
  const wasFull = bytes > maxBytes / 2 - SPOOL_DEFAULTS.segmentBytes - SPOOL_DEFAULTS.batchBytes;
  if (wasOld || wasFull) return undefined;
  const message = `the records up to ${first - 1} are younger than audit.keep_days, and the log is not half full: its writer does not remove them; the store has them`;
  return { kind: 'removed', seq: 1, message };
}

function reportOf(
  result: ChainResult,
  stored: StoredChain | null | undefined,
  fault: VerifiedLog['fault'],
): LogReport {
  const { first, tail } = result;
  return {
    ...summaryOf(result),
    fault,
    removed: Math.max(0, first - 1),
    stored: stored === undefined ? null : (stored?.records ?? 0),
    stored_until: stored?.end ? isoOf(stored.end.stored_at_ms) : null,
    unconfirmed: tail.records,
    unconfirmed_since: tail.sinceMs === undefined ? null : isoOf(tail.sinceMs),
  };
}

/** A record may name any number as its time. */
function isoOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

function headsOf(stored: StoredChain | undefined): AnchoredHead[] {
  if (!stored) return [];
  return [...stored.heads, stored.end]
    .map((place) => headOf(stored.writer, place))
    .filter((head) => head !== undefined);
}

function headOf(writer: string, place: StoredChain['base'] | undefined): AnchoredHead | undefined {
  return place
    ? { writer, seq: place.seq, hash: Buffer.from(place.hash, 'hex'), atMs: place.at_ms }
    : undefined;
}
