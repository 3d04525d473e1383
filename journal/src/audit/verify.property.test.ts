import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditFact, GENESIS, HASH_BYTES, type Head, link } from './chain.ts';
import { type AnchoredHead, headLine, parseHeads } from './heads.ts';
import { ChainVerifier } from './verify.ts';

const WRITER = 'gateway-1';
const change = (action: string): AuditFact => ({
  type: 'change',
  who: 'system',
  action,
  outcome: 'accepted',
  detail: {},
  request_id: null,
});

/** A chain of these actions, and the head after each record. */
function chainOf(actions: readonly string[], from: Head = GENESIS, writer = WRITER) {
  let head = from;
  const records: Uint8Array[] = [];
  const heads: AnchoredHead[] = [];
  for (const action of actions) {
    const next = link(head, writer, 1_700_000_000_000, change(action));
    head = next.head;
    records.push(next.bytes);
    heads.push({ ...head, writer, atMs: 5 });
  }
  return { records, heads };
}

function verify(records: readonly Uint8Array[], heads: readonly AnchoredHead[], trimmed = true) {
  const verifier = new ChainVerifier(WRITER, heads, { trimmed });
  for (const bytes of records) verifier.add(bytes);
  return verifier.end();
}

const actions = fc.array(fc.string({ maxLength: 20 }), { minLength: 2, maxLength: 30 });
const at = fc.nat();

/** The chain, and its last head as it was anchored outside. */
function anchoredChain(list: readonly string[]) {
  const { records, heads } = chainOf(list);
  return { records, heads: heads.slice(-1) };
}

describe('a chain', () => {
  it('is intact as it was written, and counts its records and anchors', () => {
    fc.assert(
      fc.property(actions, (list) => {
        const { records, heads } = chainOf(list);
        const result = verify(records, heads);
        expect(result).toMatchObject({ records: list.length, anchors: list.length });
        expect(result.fault).toBeUndefined();
      }),
    );
  });

  it('shows any changed bit, at the record that has it', () => {
    fc.assert(
      fc.property(actions, at, at, fc.nat({ max: 7 }), (list, i, j, bit) => {
        const { records, heads } = anchoredChain(list);
        const index = i % records.length;
        const bytes = Buffer.from(records[index] as Uint8Array);
        const offset = j % bytes.byteLength;
        bytes[offset] = (bytes[offset] as number) ^ (1 << bit);
        expect(verify(records.with(index, bytes), heads).fault?.seq).toBe(index + 1);
      }),
    );
  });

  it('shows removed records, at the first one', () => {
    fc.assert(
      fc.property(actions, at, fc.integer({ min: 1, max: 5 }), (list, i, count) => {
        const { records, heads } = anchoredChain(list);
        const index = i % records.length;
        const { fault } = verify(records.toSpliced(index, count), heads);
        expect(fault?.seq).toBe(index === 0 ? 1 : index + 1);
        const atEnd = index + count >= records.length;
        expect(fault?.kind).toBe(atEnd ? 'truncated' : 'removed');
      }),
    );
  });

  it('shows two records that changed places, and one that is there twice', () => {
    fc.assert(
      fc.property(actions, at, at, (list, i, j) => {
        const { records, heads } = anchoredChain(list);
        const [a, b] = [i % records.length, j % records.length];
        fc.pre(a !== b);
        const [first, second] = [records[a] as Uint8Array, records[b] as Uint8Array];
        expect(verify(records.with(a, second).with(b, first), heads).fault).toBeDefined();
        const twice = verify(records.toSpliced(a + 1, 0, first), heads).fault;
        expect(twice).toMatchObject({ kind: 'reordered', seq: a + 2 });
      }),
    );
  });

  it('that was forged anew from some record on fits itself, and differs from the anchored head', () => {
    fc.assert(
      fc.property(actions, at, (list, i) => {
        const { records, heads } = chainOf(list);
        const index = i % records.length;
        const forged = chainOf(['forged', ...list.slice(index + 1)], heads[index - 1] ?? GENESIS);
        fc.pre(list[index] !== 'forged');
        const all = [...records.slice(0, index), ...forged.records];
        expect(verify(all, heads.slice(-1)).fault).toMatchObject({ kind: 'replaced', seq: records.length });
        expect(verify(all, []).fault).toBeUndefined();
      }),
    );
  });
});

describe('a log', () => {
  it('whose begin was delivered and removed is intact where it follows an anchored head, and only there', () => {
    const { records, heads } = chainOf(['a', 'b', 'c', 'd']);
    expect(verify(records.slice(2), heads.slice(1, 2))).toMatchObject({ records: 2, last: { seq: 4 } });
    expect(verify(records.slice(2), heads.slice(3)).fault).toMatchObject({ kind: 'removed', seq: 1 });
  });

  it('that is gone is truncated', () => {
    expect(verify([], chainOf(['a']).heads).fault).toMatchObject({ kind: 'truncated', seq: 1 });
  });

  it('takes no record of another writer, and nothing that is no record', () => {
    const other = chainOf(['a'], GENESIS, 'gateway-2').records;
    expect(verify(other, []).fault).toMatchObject({ kind: 'foreign', seq: 1 });
    expect(verify([Buffer.alloc(HASH_BYTES - 1)], []).fault).toMatchObject({ kind: 'unreadable', seq: 1 });
  });
});

it('reads back the heads it wrote, without a line that a crash tore', () => {
  const { heads } = chainOf(['a', 'b']);
  const text = heads.map((head) => headLine(head)).join('');
  expect(parseHeads(text)).toEqual(heads);
  expect(parseHeads(text.slice(0, -10))).toEqual(heads.slice(0, 1));
});
