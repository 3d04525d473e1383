import { execFileSync } from 'node:child_process';
import { readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { bytesOfText, fragileFiles, TEST_LIMITS, testSpool, textOf } from '../testing/spool.ts';

const texts = async (spool: { reader: { read(max: number): Promise<readonly { payload: Uint8Array }[]> } }) =>
  (await spool.reader.read(1000)).map(textOf);

const logsIn = (dir: string) => readdirSync(dir).filter((name) => name.endsWith('.log'));

it('hands out records in their order, until they are acknowledged', async () => {
  const { spool } = await testSpool();
  for (const text of ['a', 'b', 'c']) spool.append(bytesOfText(text));
  await spool.flush();
  const frames = await spool.reader.read(2);
  expect(frames.map(textOf)).toEqual(['a', 'b']);
  expect(await texts(spool)).toEqual(['a', 'b', 'c']);
  await spool.reader.acknowledge(frames[1]?.sequence ?? 0);
  expect(await texts(spool)).toEqual(['c']);
  expect(spool.stats()).toMatchObject({ undelivered: 1, waiting: 0 });
  await spool.close();
});

it('encodes a record only when it is written, in the order of the log', async () => {
  const { spool } = await testSpool();
  const order: string[] = [];
  const lazily = (text: string) => () => {
    order.push(text);
    return bytesOfText(text);
  };
  spool.append(lazily('first'));
  spool.append(lazily('second'));
  expect(order).toEqual([]);
  await spool.flush();
  expect(order).toEqual(['first', 'second']);
  await spool.close();
});

it('goes on where the last process stopped: what was delivered is not handed out again, and numbers only grow', async () => {
  const first = await testSpool();
  for (const text of ['a', 'b']) first.spool.append(bytesOfText(text));
  await first.spool.flush();
  const [a] = await first.spool.reader.read(1);
  await first.spool.reader.acknowledge(a?.sequence ?? 0);
  await first.spool.close();

  const { spool } = await testSpool({ dir: first.dir });
  spool.append(bytesOfText('c'));
  await spool.flush();
  const read: string[] = [];
  for (let batch = await spool.reader.read(10); batch.length > 0; batch = await spool.reader.read(10)) {
    read.push(...batch.map(textOf));
    await spool.reader.acknowledge(batch.at(-1)?.sequence ?? 0);
  }
  expect(read).toEqual(['b', 'c']);
  await spool.close();
});

it('never uses a number again, not even when every file of the log is gone', async () => {
  const first = await testSpool({ limits: { ...TEST_LIMITS, segmentBytes: 1 } });
  const sequence = await first.spool.appendDurable(bytesOfText('a'));
  await first.spool.appendDurable(bytesOfText('b'));
  await first.spool.reader.acknowledge(sequence + 1);
  await first.spool.close();
  const { spool } = await testSpool({ dir: first.dir });
  expect(await spool.appendDurable(bytesOfText('c'))).toBe(sequence + 2);
  await spool.close();
});

it('removes a file once all of it is delivered, and never the one that still grows', async () => {
  const { spool, dir } = await testSpool({ limits: { ...TEST_LIMITS, segmentBytes: 1 } });
  const sequences = [];
  for (const text of ['a', 'b', 'c']) sequences.push(await spool.appendDurable(bytesOfText(text)));
  expect(logsIn(dir)).toHaveLength(3);
  await spool.reader.acknowledge(sequences[1] ?? 0);
  expect(logsIn(dir)).toHaveLength(1);
  await spool.reader.acknowledge(sequences[2] ?? 0);
  expect(logsIn(dir)).toHaveLength(1);
  expect(await texts(spool)).toEqual([]);
  await spool.close();
});

it('lets durable records that come together share one fsync, and records that nobody waits for cost none', async () => {
  const disk = fragileFiles();
  const { spool } = await testSpool({ files: disk.files });
  spool.append(bytesOfText('prediction'));
  await spool.flush();
  expect(disk.syncs).toBe(0);
  await Promise.all(Array.from({ length: 50 }, (_, i) => spool.appendDurable(bytesOfText(`${i}`))));
  expect(disk.syncs).toBe(1);
  await spool.close();
});

it('writes what is appended while the last write ends', async () => {
  const { spool } = await testSpool();
  spool.append(bytesOfText('a'));
  const flushed = spool.flush();
  await flushed.then(() => spool.append(bytesOfText('b')));
  await spool.flush();
  expect(await texts(spool)).toEqual(['a', 'b']);
  await spool.close();
});

it('hands out what is written after it was read to the end', async () => {
  const { spool } = await testSpool();
  const sequence = await spool.appendDurable(bytesOfText('a'));
  expect(await texts(spool)).toEqual(['a']);
  await spool.appendDurable(bytesOfText('b'));
  expect(await texts(spool)).toEqual(['a']);
  await spool.reader.acknowledge(sequence);
  expect(await texts(spool)).toEqual(['b']);
  await spool.close();
});

it('refuses a second writer of the same directory, and lets the next one in after the first is closed', async () => {
  const { spool, dir } = await testSpool();
  await expect(testSpool({ dir })).rejects.toThrow(/process \d+ on .* writes records into/);
  await spool.close();
  const next = await testSpool({ dir });
  await next.spool.close();
});

it.each([
  ['a pipe', (path: string) => void execFileSync('mkfifo', [path])],
  ['a link', (path: string) => symlinkSync('/dev/zero', path)],
  [
    'a file without end',
    (path: string) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 40);
    },
  ],
])('refuses %s in place of a file, by its name', async (_, put) => {
  const dir = tempDir();
  const path = join(dir, `${'1'.padStart(16, '0')}.log`);
  put(path);
  await expect(testSpool({ dir })).rejects.toThrow(path);
});
