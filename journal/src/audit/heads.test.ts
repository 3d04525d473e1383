import { execFileSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { headLine, headsFrom, headsIn, lastHeadIn } from './heads.ts';

const hash = Buffer.alloc(32, 7);
const lineOf = (writer: string, seq: number) =>
  headLine({ writer, seq, hash, atMs: 1_700_000_000_000 + seq });
/** Some three lines. */
const PART_BYTES = 400;

function fileOf(...lines: string[]): string {
  const dir = tempDir();
  const path = join(dir, 'heads.jsonl');
  writeFileSync(path, lines.join(''));
  return path;
}

/** The parts of a file, as the places of their heads. */
async function partsOf(path: string, from = 0) {
  const file = await open(path, 'r');
  const parts: { seqs: number[]; end: number }[] = [];
  for await (const { heads, end } of headsFrom(file, from, PART_BYTES)) {
    parts.push({ seqs: heads.map(({ seq }) => seq), end });
  }
  await file.close();
  return parts;
}

const many = (writer: string, count: number) =>
  Array.from({ length: count }, (_, i) => lineOf(writer, i + 1));

it.each([1, 2, 3, 4, 5, 20])(
  'finds the last head of a writer with %i lines of others after it',
  async (others) => {
    const path = fileOf(...many('a', 9), ...many('b', others));
    expect(await lastHeadIn(path, 'a', PART_BYTES)).toMatchObject({ writer: 'a', seq: 9 });
    expect(await lastHeadIn(path, 'b', PART_BYTES)).toMatchObject({ writer: 'b', seq: others });
    expect(await lastHeadIn(path, 'c', PART_BYTES)).toBeUndefined();
  },
);

it('does not read what is before the last head and the part before it', async () => {
  const forged = lineOf('a', 1000);
  const path = fileOf(forged, ...many('b', 20), ...many('a', 9));
  expect(await lastHeadIn(path, 'a', PART_BYTES)).toMatchObject({ seq: 9 });
});

it('finds the head with the highest place where programs that append at once wrote out of order', async () => {
  for (let after = 0; after < 5; after++) {
    const path = fileOf(lineOf('a', 1), lineOf('a', 3), lineOf('a', 2), ...many('b', after));
    expect(await lastHeadIn(path, 'a', PART_BYTES)).toMatchObject({ seq: 3 });
  }
});

it('passes over damage that is longer than what is read at once, and over a torn end', async () => {
  const path = fileOf(
    lineOf('a', 1),
    `${'x'.repeat(3 * PART_BYTES)}\n`,
    lineOf('a', 2),
    lineOf('a', 3).slice(0, 50),
  );
  expect(await lastHeadIn(path, 'a', PART_BYTES)).toMatchObject({ seq: 2 });
  expect((await headsIn(path)).heads.map(({ seq }) => seq)).toEqual([1, 2]);
  expect((await partsOf(path)).flatMap(({ seqs }) => seqs)).toEqual([1, 2]);
});

it('reads a long file in parts, each of whole lines, and goes on where one ended', async () => {
  const path = fileOf(...many('a', 10));
  const parts = await partsOf(path);
  expect(parts.length).toBeGreaterThan(3);
  expect(parts.flatMap(({ seqs }) => seqs)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  appendFileSync(path, lineOf('a', 11));
  expect((await partsOf(path, parts.at(-1)?.end)).map(({ seqs }) => seqs)).toEqual([[11]]);
});

it('has no heads where there is no file, but fails on one that cannot be read', async () => {
  const path = fileOf();
  expect(await lastHeadIn(`${path}.none`, 'a')).toBeUndefined();
  await expect(lastHeadIn(join(path, 'below'), 'a')).rejects.toThrow('ENOTDIR');
  expect(await headsIn(`${path}.none`)).toEqual({ heads: [], unreadable: 0 });
});

it('finds the head that begins in the middle of a torn line, and counts only what is none', async () => {
  const torn = lineOf('a', 2).slice(0, 30);
  const path = fileOf(lineOf('a', 1), torn, lineOf('a', 3), 'damage\n', '{"writer":"a"}\n', torn, '\n');
  const { heads, unreadable } = await headsIn(path);
  expect(heads.map(({ seq }) => seq)).toEqual([1, 3]);
  expect(unreadable).toBe(2);
});

it('fails on a pipe, and does not wait for what nobody writes', async () => {
  const path = join(tempDir(), 'heads.jsonl');
  execFileSync('mkfifo', [path]);
  await expect(headsIn(path)).rejects.toThrow('no regular file');
  await expect(lastHeadIn(path, 'a')).rejects.toThrow('no regular file');
});
