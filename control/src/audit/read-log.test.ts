import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { link, unlink } from '@headgate/journal/audit/chain';
import { encodeFrames } from '@headgate/journal/spool/frame';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { firstSeqIn, readLog, strangersIn, writersIn } from './read-log.ts';

const frameOf = (text: string, sequence = 1) =>
  encodeFrames([{ sequence, kind: 'record', payload: Buffer.from(text) }]);

async function textsIn(dir: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const payload of readLog(dir)) texts.push(Buffer.from(payload).toString());
  return texts;
}

it('reads the files of a log, and no link, pipe, folder or file that would fill the memory', async () => {
  const dir = tempDir();
  writeFileSync(join(dir, '0000000000000001.log'), frameOf('first'));
  writeFileSync(join(dir, 'elsewhere'), frameOf('elsewhere'));
  symlinkSync(join(dir, 'elsewhere'), join(dir, '0000000000000002.log'));
  execFileSync('mkfifo', [join(dir, '0000000000000003.log')]);
  mkdirSync(join(dir, '0000000000000004.log'));
  writeFileSync(join(dir, '0000000000000005.log'), frameOf('large', 5));
  truncateSync(join(dir, '0000000000000005.log'), 2 ** 32);
  writeFileSync(join(dir, '0000000000000006.log'), frameOf('last', 6));
  expect(await textsIn(dir)).toEqual(['first', 'last']);
});

it('tells where a log begins by its first file that is one', async () => {
  const dir = tempDir();
  execFileSync('mkfifo', [join(dir, '0000000000000001.log')]);
  expect(await firstSeqIn(dir)).toBe(1);
  const { bytes } = link({ seq: 7, hash: Buffer.alloc(32) }, 'w', 0, { type: 'anchor' });
  writeFileSync(
    join(dir, '0000000000000008.log'),
    encodeFrames([{ sequence: 8, kind: 'record', payload: bytes }]),
  );
  expect(await firstSeqIn(dir)).toBe(8);
});

it('names what its writer did not make, and does not let it hide a record', async () => {
  const dir = tempDir();
  const fileOf = (seq: number, sequence = seq) => {
    const { bytes } = link({ seq: seq - 1, hash: Buffer.alloc(32) }, 'w', 0, { type: 'anchor' });
    return encodeFrames([{ sequence, kind: 'record', payload: bytes }]);
  };
  const nameOf = (sequence: number | string) => `${String(sequence).padStart(16, '0')}.log`;
  for (const seq of [1, 2, 3]) writeFileSync(join(dir, nameOf(seq)), fileOf(seq));
  // Begun a moment ago, and one whose first frame was damaged.
  writeFileSync(join(dir, nameOf(4)), '');
  writeFileSync(join(dir, nameOf(5)), fileOf(6));
  expect(await strangersIn(dir)).toEqual([]);
  const strangers = [
    nameOf(9999), // a copy under a later number
    '00000000000000001.log', // other digits
    '1.log',
    '0000000000000007.LOG',
    '0000000000000007 .log',
    '9007199254740993.log', // beyond 2^53
    '-000000000000001.log',
  ];
  for (const name of strangers) writeFileSync(join(dir, name), fileOf(1));
  mkdirSync(join(dir, nameOf(8)));
  symlinkSync(join(dir, nameOf(1)), join(dir, nameOf(10)));
  expect(await strangersIn(dir)).toEqual([...strangers, nameOf(8), nameOf(10)].sort());
  for (const after of [0, 1, 2, 3]) {
    const seqs: number[] = [];
    for await (const bytes of readLog(dir, after)) seqs.push(unlink(bytes)?.record.seq ?? 0);
    expect(seqs.filter((seq) => seq > after)).toEqual([1, 2, 3, 6].filter((seq) => seq > after));
  }
  // A forger can number the frames too: a walk of all reads that file with the others.
  writeFileSync(join(dir, nameOf(11)), fileOf(1, 11));
  const seqs: number[] = [];
  for await (const bytes of readLog(dir)) seqs.push(unlink(bytes)?.record.seq ?? 0);
  expect(seqs).toEqual([1, 2, 3, 6, 1]);
});

it('takes no link for the directory of a writer', async () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'gateway'));
  symlinkSync(join(dir, 'gateway'), join(dir, 'another'));
  expect(await writersIn(dir)).toEqual(['gateway']);
});
