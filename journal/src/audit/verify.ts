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
  'unanchored',
] as const;

/** What is wrong with a chain, and where it begins to be. */
export interface ChainFault {
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
  /** Place of the first record; 0 without records. */
  readonly first: number;
  /** Records that nobody outside of the log has confirmed. */
  readonly tail: Tail;
  /** The last record that says that a head was about to be written outside. */
  readonly lastAnchor?: { readonly seq: number; readonly atMs: number };
  readonly fault?: ChainFault;
}

export interface Tail {
  readonly records: number;
  /** Time of the first of them, in ms since the Unix epoch. */
  readonly sinceMs?: number;
}

interface ChainOptions {
  /** The beginning may have been removed, as a later record says. */
  readonly trimmed: boolean;
  /**
   * What the first record of a trimmed log must follow: the record before it in the store, null where the store has
   * none. Undefined: no store was asked, and any anchored head will do.
   */
  readonly base?: Head | null | undefined;
  /** What the first record must follow where those before it are verified elsewhere. */
  readonly after?: Head | undefined;
  /** Records after this place count as tail. */
  readonly confirmedSeq?: number;
}

/**
 * Verifies the chain of one writer, one record after the other. The first record must be the first of all; in a log that
 * is trimmed, it may follow its base instead, where a later record says that everything up to there was removed.
 */
export class ChainVerifier {
  readonly #writer: string;
  readonly #anchored: ReadonlyMap<number, readonly AnchoredHead[]>;
  readonly #options: ChainOptions;
  #first = 0;
  #tail: Tail = { records: 0 };
  #lastAnchor: ChainResult['lastAnchor'];
  #last: Head | undefined;
  #records = 0;
  #gaps = 0;
  #anchors = 0;
  #fault: ChainFault | undefined;
  /** What was before the first record, until a record says that it was removed. */
  #missing: Head | undefined;

  /** @param heads those of other writers are ignored */
  constructor(writer: string, heads: readonly AnchoredHead[], options: ChainOptions) {
    this.#writer = writer;
    this.#anchored = anchoredOf(writer, heads);
    this.#options = options;
    this.#last = options.after;
  }

  /** @returns false from the first fault on */
  add(bytes: Uint8Array): boolean {
    if (this.#fault) return false;
    const expected = (this.#last?.seq ?? 0) + 1;
    const found = unlink(bytes);
    if (!found) return this.#fail('unreadable', expected, 'the record cannot be read');
    const { record, hash } = found;
    if (record.writer !== this.#writer) {
      return this.#fail('foreign', expected, `the record belongs to ${record.writer}`);
    }
    if (!this.#follows(found)) return false;
    const elsewhere = this.#anchored.get(record.seq) ?? [];
    if (elsewhere.some((head) => !Buffer.from(head.hash).equals(hash))) {
      const message = 'the chain fits itself, and differs from the head anchored outside';
      return this.#fail('replaced', record.seq, message);
    }
    this.#anchors += elsewhere.length;
    this.#records += 1;
    this.#first ||= record.seq;
    this.#note(record);
    if (this.#missing && isTrimUpTo(this.#missing, record)) this.#missing = undefined;
    this.#last = { seq: record.seq, hash: Buffer.from(hash) };
    return true;
  }

  #note(record: AuditRecord): void {
    const { type, seq, at_ms: atMs } = record;
    if (type === 'gap') this.#gaps += record.dropped;
    if (type === 'anchor') this.#lastAnchor = { seq, atMs };
    if (seq > (this.#options.confirmedSeq ?? Number.POSITIVE_INFINITY)) {
      this.#tail = { records: this.#tail.records + 1, sinceMs: this.#tail.sinceMs ?? atMs };
    }
  }

  /** No more records: is the end where the heads say it was at least? */
  end(): ChainResult {
    const end = this.#last?.seq ?? 0;
    const highest = [...this.#anchored.keys()].reduce((most, seq) => Math.max(most, seq), 0);
    if (this.#missing) {
      const { seq } = this.#missing;
      this.#fail('removed', 1, `nothing says that the records up to ${seq} were to be removed`);
    }
    if (highest > end) {
      const message = `the log ends with record ${end}; an anchored head says ${highest}`;
      this.#fail('truncated', end + 1, message);
    }
    return {
      writer: this.#writer,
      records: this.#records,
      gaps: this.#gaps,
      anchors: this.#anchors,
      last: this.#last ?? GENESIS,
      first: this.#first,
      tail: this.#tail,
      ...(this.#lastAnchor && { lastAnchor: this.#lastAnchor }),
      ...(this.#fault && { fault: this.#fault }),
    };
  }

  /** Whether the record comes right after the one before it, unaltered. */
  #follows({ record, body, hash }: NonNullable<ReturnType<typeof unlink>>): boolean {
    const previous = this.#last ?? this.#beginFor(record.seq);
    if (!previous) {
      return this.#fail(
        'removed',
        1,
        `it begins with record ${record.seq}, and nobody confirmed those before`,
      );
    }
    const next = previous.seq + 1;
    const misplaced = `record ${record.seq} stands where it should be`;
    if (record.seq > next) return this.#fail('removed', next, misplaced);
    if (record.seq < next) return this.#fail('reordered', next, misplaced);
    if (hashOf(previous.hash, body).equals(hash)) return true;
    return this.#fail('altered', record.seq, 'its hash does not fit its content and the record before it');
  }

  /** What the first record of the log must follow. */
  #beginFor(seq: number): Head | undefined {
    if (seq === 1) return GENESIS;
    const { trimmed, base } = this.#options;
    if (!trimmed) return undefined;
    const before = base === undefined ? this.#anchored.get(seq - 1)?.[0] : (base ?? undefined);
    this.#missing = before?.seq === seq - 1 ? before : undefined;
    return this.#missing;
  }

  /** The first fault counts. */
  #fail(kind: ChainFault['kind'], seq: number, message: string): false {
    this.#fault ??= { kind, seq, message };
    return false;
  }
}

/** The heads of a writer by their place. The same head may be known from several places. */
function anchoredOf(writer: string, heads: readonly AnchoredHead[]): Map<number, AnchoredHead[]> {
  const anchored = new Map<number, AnchoredHead[]>();
  for (const head of heads) {
    if (head.writer !== writer) continue;
    const others = anchored.get(head.seq) ?? [];
    if (!others.some(({ hash }) => Buffer.from(hash).equals(head.hash))) {
      anchored.set(head.seq, [...others, head]);
    }
  }
  return anchored;
}

function isTrimUpTo({ seq, hash }: Head, record: AuditRecord): boolean {
  if (record.type !== 'change' || record.action !== TRIM) return false;
  return record.detail.up_to === seq && record.detail.sha256 === Buffer.from(hash).toString('hex');
}
