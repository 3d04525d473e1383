import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { link } from '@headgate/journal/audit/chain';
import { encodeFrames } from '@headgate/journal/spool/frame';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { firstSeqIn, readLog, writersIn } from './read-log.ts';

const frameOf = (text: string) => encodeFrames([{ sequence: 1, kind: 'record', payload: Buffer.from(text) }]);

async function textsIn(dir: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const payload of readLog(dir)) texts.push(Buffer.from(payload).toString());
  return texts;
}

it('reads the files of a log, and no link, pipe, folder or file that would fill the memory', async () => {
  const dir = tempDir();
  writeFileSync(join(dir, '1.log'), frameOf('first'));
  writeFileSync(join(dir, 'elsewhere'), frameOf('elsewhere'));
  symlinkSync(join(dir, 'elsewhere'), join(dir, '2.log'));
  execFileSync('mkfifo', [join(dir, '3.log')]);
  mkdirSync(join(dir, '4.log'));
  writeFileSync(join(dir, '5.log'), frameOf('large'));
  truncateSync(join(dir, '5.log'), 2 ** 32);
  writeFileSync(join(dir, '6.log'), frameOf('last'));
  expect(await textsIn(dir)).toEqual(['first', 'last']);
});

it('tells where a log begins by its first file that is one', async () => {
  const dir = tempDir();
  execFileSync('mkfifo', [join(dir, '1.log')]);
  expect(await firstSeqIn(dir)).toBe(1);
  const { bytes } = link({ seq: 7, hash: Buffer.alloc(32) }, 'w', 0, { type: 'anchor' });
  writeFileSync(join(dir, '8.log'), encodeFrames([{ sequence: 8, kind: 'record', payload: bytes }]));
  expect(await firstSeqIn(dir)).toBe(8);
});

it('takes no link for the directory of a writer', async () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'gateway'));
  symlinkSync(join(dir, 'gateway'), join(dir, 'another'));
  expect(await writersIn(dir)).toEqual(['gateway']);
});
