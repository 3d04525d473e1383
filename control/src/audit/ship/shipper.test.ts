import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type AnchoredHead, headLine } from '@headgate/journal/audit/heads';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import type { AuditStore } from '../store/audit-store.ts';
import { followHeads, shippingPass } from './shipper.ts';

const lineOf = (seq: number, writer = 'a') =>
  headLine({ writer, seq, hash: Buffer.alloc(32, 7), atMs: 1_700_000_000_000 });
const linesOf = (...seqs: number[]) => seqs.map((seq) => lineOf(seq)).join('');
/** Some three lines. */
const PART_BYTES = 400;

function testTail() {
  const path = join(tempDir(), 'heads.jsonl');
  const tail = followHeads(path, PART_BYTES);
  /** Places of the heads, by parts. */
  const read = async () => {
    const parts: number[][] = [];
    for await (const heads of tail.read()) parts.push(heads.map(({ seq }) => seq));
    return parts;
  };
  return { path, tail, read };
}

it('gives heads in parts, and again until they are dealt with', async () => {
  const { path, tail, read } = testTail();
  expect(await read()).toEqual([]);
  writeFileSync(path, linesOf(1, 2, 3, 4, 5));
  const parts = await read();
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.flat()).toEqual([1, 2, 3, 4, 5]);
  expect(await read()).toEqual(parts);
  tail.done();
  expect(await read()).toEqual([]);
  appendFileSync(path, linesOf(6));
  expect(await read()).toEqual([[6]]);
});

it('reads a file from its begin that took the place of the one before, though it is longer', async () => {
  const { path, tail, read } = testTail();
  writeFileSync(path, linesOf(1));
  await read();
  tail.done();
  renameSync(path, `${path}.1`);
  writeFileSync(path, linesOf(2, 3));
  expect((await read()).flat()).toEqual([2, 3]);
});

it('stores all heads of a long file though those of one writer fail at first, and leaves no hole in them', async () => {
  const dir = join(tempDir(), 'log');
  await mkdir(dir);
  const headsFile = join(dir, '..', 'heads.jsonl');
  const seqs = Array.from({ length: 8000 }, (_, i) => i + 1);
  writeFileSync(headsFile, seqs.map((seq) => lineOf(seq, 'a') + lineOf(seq, 'b')).join(''));
  const stored: AnchoredHead[] = [];
  const of = (writer: string) => stored.filter((head) => head.writer === writer).map(({ seq }) => seq);
  let failures = 1;
  const store = {
    contradicted: async () => [],
    lastHeadSeq: async (writer: string) => of(writer).at(-1) ?? 0,
    async appendHeads(heads: readonly AnchoredHead[]) {
      if (heads[0]?.writer === 'a' && failures-- > 0) throw new Error('the statement timed out');
      stored.push(...heads);
    },
  } as Partial<AuditStore> as AuditStore;
  const anchored: AnchoredHead[] = [];
  const report = {
    stored: () => undefined,
    anchored: (heads: readonly AnchoredHead[]) => void anchored.push(...heads),
    fault: () => undefined,
    failed: () => undefined,
  };
  const options = { dir, headsFile, openStore: async () => store, batchRecords: 10_000, report };
  const pass = shippingPass(options, new AbortController().signal);
  await expect(pass()).rejects.toThrow('timed out');
  expect(of('b')).toEqual(seqs);
  await pass();
  expect(of('a')).toEqual(seqs);
  expect(of('b')).toEqual(seqs);
  expect(anchored).toHaveLength(2 * seqs.length);
});
