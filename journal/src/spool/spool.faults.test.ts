import { expect, it } from 'vitest';
import { bytesOfText, fragileFiles, TEST_LIMITS, testSpool, textOf } from '../testing/spool.ts';

it.each([
  ['create', 'ENOSPC', 'disk_full'],
  ['write', 'ENOSPC', 'disk_full'],
  ['write', 'EIO', 'disk_error'],
] as const)(
  'counts what is lost when %s fails with %s, and says so in the log when it works again',
  async (on, code, cause) => {
    const disk = fragileFiles();
    const { spool, seen, clock } = await testSpool({ files: disk.files });
    disk.failing = { on, code };
    spool.append(bytesOfText('a'));
    spool.append(bytesOfText('b'));
    await spool.flush();
    clock.advance(500);
    spool.append(bytesOfText('c'));
    await spool.flush();
    expect(seen.dropped).toEqual([`2 ${cause}`, `1 ${cause}`]);

    disk.failing = undefined;
    clock.advance(600);
    spool.append(bytesOfText('d'));
    await spool.flush();
    const frames = await spool.reader.read(10);
    expect(frames.map(({ kind }) => kind)).toEqual(['gap', 'record']);
    expect(JSON.parse(textOf(frames[0] as { payload: Uint8Array }))).toEqual({
      dropped: 3,
      from_ms: 1_700_000_000_000,
      to_ms: 1_700_000_000_500,
      cause,
    });
    expect(textOf(frames[1] as { payload: Uint8Array })).toBe('d');
    await spool.close();
  },
);

it('syncs a file before it goes on in the next one, and once for all that was appended', async () => {
  const disk = fragileFiles();
  const { spool } = await testSpool({ files: disk.files, limits: { ...TEST_LIMITS, segmentBytes: 1 } });
  const append = async (text: string) => {
    spool.append(bytesOfText(text));
    await spool.flush();
  };
  await append('a');
  expect(disk.syncs).toBe(0);
  await append('b');
  expect(disk.syncs).toBe(1);
  await spool.sync();
  await spool.sync();
  expect(disk.syncs).toBe(2);
  disk.failing = { on: 'sync', code: 'EIO' };
  await spool.sync();
  spool.append(bytesOfText('c'));
  await expect(spool.sync()).rejects.toMatchObject({ code: 'EIO' });
  disk.failing = undefined;
  await spool.sync();
  expect(disk.syncs).toBe(3);
  await spool.close();
});

it('leaves a disk that failed alone for a while', async () => {
  const disk = fragileFiles();
  const { spool, seen } = await testSpool({ files: disk.files });
  disk.failing = { on: 'write', code: 'ENOSPC' };
  spool.append(bytesOfText('a'));
  await spool.flush();
  disk.failing = undefined;
  spool.append(bytesOfText('b'));
  await spool.flush();
  expect(seen).toMatchObject({ written: 0, dropped: ['1 disk_full', '1 disk_full'] });
  await spool.close();
});

it('refuses durable records while the disk is full or the fsync fails, and takes them again afterwards', async () => {
  const disk = fragileFiles();
  const { spool, clock } = await testSpool({ files: disk.files });
  for (const on of ['write', 'sync'] as const) {
    disk.failing = { on, code: 'ENOSPC' };
    await expect(spool.appendDurable(bytesOfText('a'))).rejects.toMatchObject({
      reason: 'records_unavailable',
    });
    await expect(spool.appendDurable(bytesOfText('b'))).rejects.toMatchObject({
      reason: 'records_unavailable',
    });
    clock.advance(1000);
  }
  disk.failing = undefined;
  await expect(spool.appendDurable(bytesOfText('c'))).resolves.toBeGreaterThan(0);
  const frames = await spool.reader.read(10);
  expect(frames.map(({ kind }) => kind)).toEqual(['gap', 'record']);
  await spool.close();
});

it('keeps what was written before a failure', async () => {
  const disk = fragileFiles();
  const { spool, dir } = await testSpool({ files: disk.files });
  await spool.appendDurable(bytesOfText('before'));
  disk.failing = { on: 'write', code: 'ENOSPC' };
  spool.append(bytesOfText('lost'));
  await spool.flush();
  await spool.close();
  const next = await testSpool({ dir });
  expect((await next.spool.reader.read(10)).map(textOf)).toEqual(['before']);
  await next.spool.close();
});

it('stays within its bytes on disk, and takes records again once old ones are delivered', async () => {
  const limits = { ...TEST_LIMITS, maxBytes: 1000, segmentBytes: 300, batchBytes: 300 };
  const { spool, seen } = await testSpool({ limits });
  for (let i = 0; i < 30; i++) spool.append(Buffer.alloc(79));
  await spool.flush();
  expect(seen.written).toBe(10);
  expect(spool.stats().bytes).toBeLessThanOrEqual(1000);
  await expect(spool.appendDurable(bytesOfText('a'))).rejects.toMatchObject({
    reason: 'records_unavailable',
  });

  while ((await spool.reader.read(1)).length > 0) {
    const frames = await spool.reader.read(100);
    await spool.reader.acknowledge(frames.at(-1)?.sequence ?? 0);
  }
  spool.append(bytesOfText('b'));
  await spool.flush();
  const [gap, record] = await spool.reader.read(10);
  expect(JSON.parse(textOf(gap as { payload: Uint8Array }))).toMatchObject({ dropped: 21, cause: 'bound' });
  expect(textOf(record as { payload: Uint8Array })).toBe('b');
  await spool.close();
});

it('drops what exceeds its bound in memory, what is too large, and what cannot be encoded', async () => {
  const { spool, seen } = await testSpool({ limits: { ...TEST_LIMITS, waiting: 3 } });
  spool.append(Buffer.alloc(2 ** 20 + 1));
  spool.append(() => {
    throw new Error('no');
  });
  spool.append(bytesOfText('a'));
  spool.append(bytesOfText('b'));
  await spool.flush();
  expect(seen).toMatchObject({ written: 1, dropped: ['1 backlog', '1 invalid', '1 invalid'] });
  await spool.close();
});

it('says when it is closed what was lost last', async () => {
  const { spool, dir } = await testSpool({ limits: { ...TEST_LIMITS, waiting: 1 } });
  spool.append(bytesOfText('a'));
  await spool.flush();
  spool.append(() => {
    throw new Error('no');
  });
  await spool.close();
  const next = await testSpool({ dir });
  expect((await next.spool.reader.read(10)).map(({ kind }) => kind)).toEqual(['record', 'gap']);
  await next.spool.close();
});
