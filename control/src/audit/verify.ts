import { join } from 'node:path';
import { unlink } from '@headgate/journal/audit/chain';
import { type AnchoredHead, headsIn } from '@headgate/journal/audit/heads';
import { type ChainResult, ChainVerifier, FAULT_KINDS } from '@headgate/journal/audit/verify';
import { z } from 'zod';
import { readLog, writersIn } from './read-log.ts';
import { type AuditStore, bytesOf, type StoredRecord } from './store/audit-store.ts';

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

interface Logs {
  /** Holds a directory a writer. */
  readonly dir: string;
  /** File of heads; undefined where there is none, and then a cut end cannot be found. */
  readonly headsFile: string | undefined;
}

/** Verifies the log of every writer that has one, or that has an anchored head. */
export async function verifyLogs({ dir, headsFile }: Logs): Promise<ChainResult[]> {
  // Before the logs: a head that is anchored meanwhile may belong to a record that was not read.
  const heads = headsFile === undefined ? [] : await headsIn(headsFile);
  const logged = await writersIn(dir);
  return ofEach([...logged, ...heads.map(({ writer }) => writer)], async (writer) => {
    const verifier = new ChainVerifier(writer, heads, { trimmed: true });
    if (!logged.includes(writer)) return verifier.end();
    for await (const bytes of readLog(join(dir, writer))) {
      if (!verifier.add(bytes)) break;
    }
    return verifier.end();
  });
}

/** A head that is older and not stored counts as cut off. Three anchors at their largest interval fit. */
const MAX_LAG_MS = 900_000;

/**
 * The heads in a file that the database must have reached by now: younger ones may be on their way to it.
 *
 * @param path a file that is missing holds none
 * @param nowMs since the Unix epoch
 */
export async function headsOutside(path: string, nowMs: number): Promise<readonly AnchoredHead[]> {
  return headsIn(path, ({ atMs }) => atMs < nowMs - MAX_LAG_MS).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/**
 * Verifies what is stored of every writer by the rules of its log.
 *
 * @param heads kept outside of the database too; none of them younger than delivery may take
 */
export async function verifyStore(store: AuditStore, heads: readonly AnchoredHead[]): Promise<ChainResult[]> {
  const all = [...(await store.heads()), ...heads];
  const writers = [...(await store.writers()), ...heads.map(({ writer }) => writer)];
  return ofEach(writers, (writer) => verifyWriter(store, writer, all));
}

async function ofEach(writers: readonly string[], verify: (writer: string) => Promise<ChainResult>) {
  const results: ChainResult[] = [];
  for (const writer of [...new Set(writers)].sort()) results.push(await verify(writer));
  return results;
}

/** Records of one question to the database. */
const PAGE = 1000;

async function verifyWriter(
  store: AuditStore,
  writer: string,
  heads: readonly AnchoredHead[],
): Promise<ChainResult> {
  const verifier = new ChainVerifier(writer, heads, { trimmed: false });
  for (let after = 0; ; ) {
    const rows = await store.after(writer, after, PAGE);
    for (const row of rows) {
      const fault = faultOfRow(row);
      if (fault) return { ...verifier.end(), fault };
      if (!verifier.add(bytesOf(row))) return verifier.end();
    }
    const last = rows.at(-1);
    if (!last) return verifier.end();
    after = last.seq;
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
