import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENESIS, type Link, link } from '@headgate/journal/audit/chain';
import { encodeFrames } from '@headgate/journal/spool/frame';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import type { AuditStore, StoredRecord } from '../store/audit-store.ts';
import { shipLog } from './ship-log.ts';

const WRITER = 'w';

it('stores the records that forged files would hide, and says when the log ends before its head', async () => {
  const dir = tempDir();
  const write = (sequence: number, payload: Uint8Array) =>
    writeFileSync(
      join(dir, `${String(sequence).padStart(16, '0')}.log`),
      encodeFrames([{ sequence, kind: 'record', payload }]),
    );
  const links: Link[] = [];
  for (let i = 0; i < 4; i += 1) {
    links.push(link(links.at(-1)?.head ?? GENESIS, WRITER, 0, { type: 'anchor' }));
  }
  for (const { head, bytes } of links) write(head.seq, bytes);
  write(9998, Buffer.from('no record'));
  write(9999, links[0]?.bytes as Uint8Array);

  const stored: number[] = [];
  const store = {
    last: async () => links[1]?.head,
    async append(_writer: string, records: readonly StoredRecord[]) {
      stored.push(...records.map(({ seq }) => seq));
    },
  } as Partial<AuditStore> as AuditStore;
  const options = { store, batchRecords: 1, signal: new AbortController().signal };
  await shipLog({ writer: WRITER, dir, upTo: 4 }, options);
  expect(stored).toEqual([3, 4]);
  await expect(shipLog({ writer: WRITER, dir, upTo: 5 }, options)).rejects.toThrow(
    'ends with record 4; an anchored head says 5',
  );
});
