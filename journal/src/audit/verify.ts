import { type AuditRecord, GENESIS, type Head, hashOf, TRIM, unlink } from './chain.ts';
import type { AnchoredHead } from './heads.ts';

/** What can be wrong with a chain; docs/audit.md explains each. */
export const FAULT_KINDS = [
  'altered',
  'removed',
  'reordered',
  'truncated',
  'foreign',
  'replaced',
  'unreadable',
] as const;

/** What is wrong with a chain, and where it begins to be. */
interface ChainFault {
  readonly kind: (typeof FAULT_KINDS)[number];
  /** Place of the first record that is wrong or missing. */
  readonly seq: number;
  readonly message: string;
}

export interface ChainResult {
  readonly writer: string;
  /** Records that were found intact, up to the fault if there is one. */
  readonly records: number;
  /** Records that could not be kept when they happened, as gap records say. */
  readonly gaps: number;
  readonly last: Head;
  /** Heads outside of the log that the chain was compared with. */
  readonly anchors: number;
  readonly fault?: ChainFault;
}

/** A chain as it is verified, one record after the other. */
export interface ChainVerifier {
  /** @returns false from the first fault on */
  add(bytes: Uint8Array): boolean;
  /** No more records: is the end where the heads say it was at least? */
  end(): ChainResult;
}

/**
 * Verifies the chain of one writer. The first record must be the first of all; in a log that is trimmed, it may follow
 * an anchored head instead, where a later record says that everything up to there was removed.
 *
 * @param heads those of other writers are ignored
 */
export function createVerifier(
  writer: string,
  heads: readonly AnchoredHead[],
  { trimmed }: { readonly trimmed: boolean },
): ChainVerifier {
  const anchored = new Map<number, AnchoredHead[]>();
  for (const head of heads) {
    if (head.writer !== writer) continue;
    const others = anchored.get(head.seq) ?? [];
    // The same head may be known from several places.
    if (!others.some(({ hash }) => Buffer.from(hash).equals(head.hash))) {
      anchored.set(head.seq, [...others, head]);
    }
  }
  let last: Head | undefined;
  let records = 0;
  let gaps = 0;
  let anchors = 0;
  let fault: ChainFault | undefined;
  /** What was before the first record, until a record says that it was removed. */
  let missing: Head | undefined;

  const fail = (kind: ChainFault['kind'], seq: number, message: string): false => {
    fault ??= { kind, seq, message };
    return false;
  };

  /** What the first record of the log must follow. */
  const beginFor = (seq: number): Head | undefined => {
    if (seq === 1) return GENESIS;
    missing = trimmed ? anchored.get(seq - 1)?.[0] : undefined;
    return missing;
  };

  const check = (bytes: Uint8Array): boolean => {
    const expected = (last?.seq ?? 0) + 1;
    const found = unlink(bytes);
    if (!found) return fail('unreadable', expected, 'the record cannot be read');
    const { record, body, hash } = found;
    if (record.writer !== writer) return fail('foreign', expected, `the record belongs to ${record.writer}`);
    const previous = last ?? beginFor(record.seq);
    if (!previous) {
      return fail('removed', 1, `it begins with record ${record.seq}`);
    }
    if (record.seq > previous.seq + 1) {
      return fail('removed', previous.seq + 1, `record ${record.seq} stands where it should be`);
    }
    if (record.seq <= previous.seq) {
      return fail('reordered', previous.seq + 1, `record ${record.seq} stands where it should be`);
    }
    if (!hashOf(previous.hash, body).equals(hash)) {
      return fail('altered', record.seq, 'its hash does not fit its content and the record before it');
    }
    const elsewhere = anchored.get(record.seq) ?? [];
    if (elsewhere.some((head) => !Buffer.from(head.hash).equals(hash))) {
      return fail(
        'replaced',
        record.seq,
        'the chain fits itself, and differs from the head anchored outside',
      );
    }
    anchors += elsewhere.length;
    records += 1;
    if (record.type === 'gap') gaps += record.dropped;
    if (missing && isTrimUpTo(missing, record)) missing = undefined;
    last = { seq: record.seq, hash: Buffer.from(hash) };
    return true;
  };

  return {
    add: (bytes) => fault === undefined && check(bytes),
    end() {
      const end = last?.seq ?? 0;
      const highest = [...anchored.keys()].reduce((most, seq) => Math.max(most, seq), 0);
      if (missing)
        fail('removed', 1, `nothing says that the records up to ${missing.seq} were to be removed`);
      if (!fault && highest > end) {
        fail('truncated', end + 1, `the log ends with record ${end}; an anchored head says ${highest}`);
      }
      return { writer, records, gaps, anchors, last: last ?? GENESIS, ...(fault && { fault }) };
    },
  };
}

function isTrimUpTo({ seq, hash }: Head, record: AuditRecord): boolean {
  if (record.type !== 'change' || record.action !== TRIM) return false;
  return record.detail.up_to === seq && record.detail.sha256 === Buffer.from(hash).toString('hex');
}
