import { type Head, unlink } from '@headgate/journal/audit/chain';
import type { AnchoredHead } from '@headgate/journal/audit/heads';
import { type ChainResult, ChainVerifier, FAULT_KINDS } from '@headgate/journal/audit/verify';
import { z } from 'zod';
import { readHeads, uncheckedIn } from './heads-files.ts';
import { type AuditStore, bytesOf, type StoredPlace, type StoredRecord } from './store/audit-store.ts';

/** What was found in the chain of one writer, as it is printed. */
export const verifiedLogSchema = z.strictObject({
  writer: z.string(),
  records: z.number(),
  /** Records that could not be kept when they happened. */
  lost: z.number(),
  anchors: z.number(),
  last_seq: z.number(),
  /** As hex. */
  last_hash: z.string(),
  /** Null for an intact one. */
  fault: z.strictObject({ kind: z.enum(FAULT_KINDS), seq: z.number(), message: z.string() }).nullable(),
});
export type VerifiedLog = z.infer<typeof verifiedLogSchema>;

export function summaryOf({ writer, records, gaps, anchors, last, fault }: ChainResult): VerifiedLog {
  const last_hash = Buffer.from(last.hash).toString('hex');
  return { writer, records, lost: gaps, anchors, last_seq: last.seq, last_hash, fault: fault ?? null };
}

/** A place of a stored chain; its hash as hex. */
const placeSchema = z.strictObject({ seq: z.number(), hash: z.string(), at_ms: z.number() });

/** What the store confirms of one writer: its chain beside the log is verified, and what was before is counted. */
export const storedChainSchema = verifiedLogSchema.extend({
  /** The last stored record, and when it was stored; null where only heads are stored. */
  end: placeSchema.extend({ stored_at_ms: z.number() }).nullable(),
  /** The record before the first one of the log. */
  base: placeSchema.nullable(),
  /** Heads that the log can be compared with. */
  heads: z.array(placeSchema),
});
export type StoredChain = z.infer<typeof storedChainSchema>;

/** Where the logs begin that the store is compared with. */
export const logsSchema = z.array(z.strictObject({ writer: z.string(), first_seq: z.int().min(1) }));
export type LogBegins = z.infer<typeof logsSchema>;

/**
 * Verifies what is stored beside the logs of writers, counts the rest, and tells what the logs are compared with. So the
 * work is that of the logs: the rest grows for years, and was verified when it was stored.
 */
export async function storedChains(store: AuditStore, logs: LogBegins): Promise<StoredChain[]> {
  const begins = new Map(logs.map(({ writer, first_seq }) => [writer, first_seq]));
  const all = await store.heads();
  const chains: StoredChain[] = [];
  for (const writer of await store.writers()) {
    const first = begins.get(writer);
    // Before the chain is verified: its end may go on meanwhile.
    const end = await store.last(writer);
    const base = await store.at(writer, (first ?? 1) - 1);
    const own = all.filter((head) => head.writer === writer);
    const after = first === undefined ? end : base;
    const chain = summaryOf(await verifyWriter(store, writer, { heads: own, after }));
    const records = end ? await store.count(writer, end.seq) : 0;
    chains.push({
      ...chain,
      records,
      fault: chain.fault ?? holes(records, end?.seq ?? 0),
      end: end ? { ...placeOf(end), stored_at_ms: end.storedAtMs } : null,
      base: base ? placeOf(base) : null,
      heads: first === undefined ? [] : own.filter(({ seq }) => seq >= first - 1).map(placeOf),
    });
  }
  return chains;
}

function holes(records: number, lastSeq: number): VerifiedLog['fault'] {
  if (records === lastSeq) return null;
  const message = `${lastSeq - records} of ${lastSeq} records are missing; audit verify --database finds the first`;
  return { kind: 'removed', seq: 1, message };
}

const placeOf = ({ seq, hash, atMs }: Omit<StoredPlace, 'storedAtMs'>) => ({
  seq,
  hash: Buffer.from(hash).toString('hex'),
  at_ms: atMs,
});

/** The store could not be asked; everything else that fails is a fault of this program. */
export class StoreNotAskedError extends Error {
  constructor(cause: Error) {
    super(`the store was not asked: ${cause.message}`, { cause });
  }
}

/** Records are stored within this time. Three anchors at their largest interval fit. */
export const MAX_LAG_MS = 900_000;

/** What was found in the store, as control answers it. */
export const storeFindingsSchema = z.strictObject({
  logs: z.array(verifiedLogSchema),
  /** What could not be checked, as sentences. */
  unchecked: z.array(z.string()),
});
export type StoreFindings = z.infer<typeof storeFindingsSchema>;

export interface DatabaseToVerify {
  /** Heads outside of the database: `audit.heads_file`, or a copy. */
  readonly headsFile: string;
  /** How long a writer keeps its log. */
  readonly keepMs: number;
  readonly nowMs: number;
}

/** Verifies the store alone, by its own heads and by those of a file that it must have reached by now. */
export async function verifyDatabase(
  store: AuditStore,
  { headsFile, keepMs, nowMs }: DatabaseToVerify,
): Promise<StoreFindings> {
  const read = await readHeads(headsFile);
  // Younger ones may be on their way.
  const due = read.heads.filter(({ atMs }) => atMs < nowMs - MAX_LAG_MS);
  const logs = (await verifyStore(store, due)).map(summaryOf);
  const unchecked = uncheckedIn(headsFile, read);
  const known = new Set(read.heads.map(({ writer }) => writer));
  const alone: string[] = [];
  for (const { writer } of logs.filter(({ writer, anchors }) => anchors > 0 && !known.has(writer))) {
    const end = await store.last(writer);
    // The heads of a writer that is gone for longer may be rotated away.
    if (end && end.storedAtMs >= nowMs - keepMs) alone.push(writer);
  }
  if (alone.length > 0) {
    const named = alone.slice(0, NAMED_WRITERS).join(', ') + (alone.length > NAMED_WRITERS ? ', …' : '');
    unchecked.push(
      `${headsFile} has no head of ${alone.length} writers (${named}), and without one a removed end of their stored chains cannot be found`,
    );
  }
  return { logs, unchecked };
}

/** A cluster may have had hundreds of pods. */
const NAMED_WRITERS = 5;

/**
 * Verifies what is stored of every writer by the rules of its log.
 *
 * @param heads kept outside of the database too; none of them younger than delivery may take
 */
export async function verifyStore(store: AuditStore, heads: readonly AnchoredHead[]): Promise<ChainResult[]> {
  const all = [...(await store.heads()), ...heads];
  const writers = [...(await store.writers()), ...heads.map(({ writer }) => writer)];
  const results: ChainResult[] = [];
  for (const writer of [...new Set(writers)].sort()) {
    results.push(await verifyWriter(store, writer, { heads: all, after: undefined }));
  }
  return results;
}

/** Records of one question to the database. */
const PAGE = 1000;

async function verifyWriter(
  store: AuditStore,
  writer: string,
  { heads, after }: { readonly heads: readonly AnchoredHead[]; readonly after: Head | undefined },
): Promise<ChainResult> {
  const verifier = new ChainVerifier(writer, heads, { trimmed: false, after });
  for (let seq = after?.seq ?? 0; ; ) {
    const rows = await store.after(writer, seq, PAGE);
    for (const row of rows) {
      const fault = faultOfRow(row);
      if (fault) return { ...verifier.end(), fault };
      if (!verifier.add(bytesOf(row))) return verifier.end();
    }
    const last = rows.at(-1);
    if (!last) return verifier.end();
    seq = last.seq;
  }
}

/** Columns beside the record, by which rows are found, say the same as the record. */
function faultOfRow(row: StoredRecord): ChainResult['fault'] {
  const record = unlink(bytesOf(row))?.record;
  // The chain says so itself.
  if (!record) return undefined;
  if (record.seq !== row.seq) {
    return { kind: 'reordered', seq: row.seq, message: `record ${record.seq} has its place` };
  }
  if (record.at_ms !== row.atMs) {
    return { kind: 'altered', seq: row.seq, message: 'the row has another time than its record' };
  }
  return undefined;
}
