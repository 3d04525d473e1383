import { unlink } from '@headgate/journal/audit/chain';
import type { AnchoredHead } from '@headgate/journal/audit/heads';
import { type ChainResult, createVerifier } from '@headgate/journal/audit/verify';
import { type AuditStore, bytesOf, type StoredRecord } from './store/audit-store.ts';

export interface StoreToVerify {
  readonly store: AuditStore;
  /** Heads that were kept outside of the database too; none of them younger than delivery may take. */
  readonly heads: readonly AnchoredHead[];
}

/** Records of one question to the database. */
const PAGE = 1000;

/** Verifies what is stored of every writer by the rules of its log. */
export async function verifyStore({ store, heads }: StoreToVerify): Promise<ChainResult[]> {
  const all = [...(await store.heads()), ...heads];
  const writers = new Set([...(await store.writers()), ...heads.map(({ writer }) => writer)]);
  const results: ChainResult[] = [];
  for (const writer of [...writers].sort()) results.push(await verifyWriter(store, writer, all));
  return results;
}

async function verifyWriter(
  store: AuditStore,
  writer: string,
  heads: readonly AnchoredHead[],
): Promise<ChainResult> {
  const verifier = createVerifier(writer, heads, { trimmed: false });
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
