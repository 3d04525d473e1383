import { symlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { bytesOfText, TEST_LIMITS, testSpool, textOf } from '@headgate/journal/testing/spool';
import { afterAll, describe, expect, it } from 'vitest';
import { mountSmallDisk } from './small-disk.ts';

const disk = mountSmallDisk(256 * 2 ** 10);
afterAll(() => disk?.remove());

const RECORD = Buffer.alloc(600, 'x');

describe.skipIf(disk === undefined && process.env.CI !== 'true')(
  'A spool on a disk of 256 KiB (needs root for a tmpfs)',
  () => {
    /** A fresh folder on the disk. */
    const onDisk = (name: string, segmentBytes = TEST_LIMITS.segmentBytes) => {
      if (disk === undefined) throw new Error('a tmpfs cannot be mounted here');
      return testSpool({
        dir: `${disk.dir}/${name}`,
        limits: { ...TEST_LIMITS, segmentBytes, batchBytes: 4096 },
      });
    };

    it.each([
      ['one file', TEST_LIMITS.segmentBytes],
      ['many files', 16 * 2 ** 10],
    ])(
      'that it filled itself, with %s, takes records again once the old ones are delivered',
      async (what, bytes) => {
        const { spool, seen, clock } = await onDisk(what, bytes);
        for (let i = 0; i < 1000; i++) spool.append(RECORD);
        await spool.flush();
        expect(seen.dropped.length).toBeGreaterThan(0);
        expect(seen.dropped.every((one) => one.endsWith('disk_full'))).toBe(true);
        let delivered = 0;
        for (let some = await spool.reader.read(50); some.length > 0; some = await spool.reader.read(50)) {
          delivered += some.length;
          await spool.reader.acknowledge(some.at(-1)?.sequence ?? 0);
        }
        expect(delivered).toBe(seen.written);
        clock.advance(1000);
        await spool.appendDurable(bytesOfText('again'));
        expect((await spool.reader.read(10)).map(textOf).at(-1)).toBe('again');
        await spool.close();
      },
    );

    it('lets the next process take over while it is full, and lose nothing that was written', async () => {
      const { spool, dir } = await onDisk('taken over');
      await spool.appendDurable(bytesOfText('before'));
      await spool.close();
      // What a process leaves that was killed.
      symlinkSync(`${hostname()}:${process.pid}:earlier`, join(dir, 'lock'));
      disk?.fill();
      const next = await onDisk('taken over');
      next.spool.append(RECORD);
      await next.spool.flush();
      expect(next.seen.dropped).toEqual(['1 disk_full']);
      expect((await next.spool.reader.read(10)).map(textOf)).toEqual(['before']);
      disk?.free();
      await next.spool.close();
    });
  },
);
