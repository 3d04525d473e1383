import { setImmediate } from 'node:timers/promises';
import type { StoredRecord } from '@headgate/contracts/records';
import { bytesOfText } from '@headgate/journal/testing/spool';
import { RecordsRefusedError } from '@headgate/stores/records/sink';
import { expect, it } from 'vitest';
import { bytesOf, record, shipping } from '../testing/shipping.ts';

it('delivers what the spool holds, in order, and then nothing again', async () => {
  const got: StoredRecord[] = [];
  const { spool, start, next, paused, pauses } = await shipping(async (records) => void got.push(...records));
  for (let n = 0; n < 25; n++) spool.append(bytesOf(record(n)));
  await spool.flush();
  const shipper = start();
  await paused();
  expect(got).toEqual(Array.from({ length: 25 }, (_, n) => record(n)));
  expect(pauses).toEqual([7]);
  spool.append(bytesOf(record(25)));
  await spool.flush();
  await next();
  expect(got).toHaveLength(26);
  await shipper.stop();
  expect(spool.stats().undelivered).toBe(0);
});

it('delivers what came last when it is stopped, and waits for a sink that is down no longer than it may', async () => {
  const got: StoredRecord[] = [];
  let down = false;
  const { spool, start, paused, seen } = await shipping(async (records) => {
    if (down) throw new Error('down');
    got.push(...records);
  });
  const shipper = start();
  await paused();
  for (let n = 0; n < 25; n++) spool.append(bytesOf(record(n)));
  await spool.flush();
  await shipper.stop();
  expect(got).toHaveLength(25);
  down = true;
  spool.append(bytesOf(record(25)));
  await spool.flush();
  await start().stop();
  expect([got.length, spool.stats().undelivered]).toEqual([25, 1]);
  expect(seen.failures).toBeGreaterThan(0);
});

it('tries again when it is stopped while the sink is away for a moment', async () => {
  const got: StoredRecord[] = [];
  let down = true;
  const { spool, start, next, paused, seen } = await shipping(
    async (records) => {
      if (down) throw new Error('down');
      got.push(...records);
    },
    { restMs: 60_000 },
  );
  spool.append(bytesOf(record(1)));
  await spool.flush();
  const shipper = start();
  await paused();
  const stopped = shipper.stop();
  while (seen.failures < 2) await setImmediate();
  down = false;
  void next();
  await stopped;
  expect(got).toEqual([record(1)]);
});

it('waits longer after each failure, loses nothing, and is quick again after a success', async () => {
  const got: StoredRecord[] = [];
  let down = true;
  const { spool, start, next, paused, pauses, seen } = await shipping(async (records) => {
    if (down) throw new Error('down');
    got.push(...records);
  });
  spool.append(bytesOf(record(1)));
  await spool.flush();
  const shipper = start();
  await paused();
  for (let i = 0; i < 4; i++) await next();
  expect(pauses).toEqual([300, 900, 1000, 1000, 1000]);
  expect(seen.failures).toBe(5);
  down = false;
  await next();
  expect(got).toEqual([record(1)]);
  down = true;
  spool.append(bytesOf(record(2)));
  await spool.flush();
  await next();
  expect(pauses.at(-1)).toBe(300);
  await shipper.stop();
  expect(spool.stats().undelivered).toBe(1);
});

it('skips what a sink refuses for ever, and nothing beside it', async () => {
  const got: string[] = [];
  const bad = record(3).id;
  const { spool, start, paused, seen } = await shipping(async (records) => {
    if (records.some((one) => one.type === 'prediction' && one.id === bad))
      throw new RecordsRefusedError('no');
    for (const one of records) if (one.type === 'prediction') got.push(one.id);
  });
  for (let n = 0; n < 8; n++) spool.append(bytesOf(record(n)));
  await spool.flush();
  const shipper = start();
  await paused();
  expect(got).toEqual([0, 1, 2, 4, 5, 6, 7].map((n) => record(n).id));
  expect(seen).toMatchObject({ delivered: 7, refused: 1 });
  await shipper.stop();
});

it('skips what is no record that it knows', async () => {
  const { spool, start, paused, seen } = await shipping(async () => undefined);
  spool.append(bytesOfText('no JSON'));
  spool.append(bytesOf({ ...record(1), v: 99 }));
  spool.append(bytesOf({ ...record(1), email: 'someone@example.org' }));
  spool.append(bytesOf(record(2)));
  await spool.flush();
  const shipper = start();
  await paused();
  expect(seen).toMatchObject({ delivered: 1, refused: 3 });
  await shipper.stop();
});

it('delivers gaps as records of their writer', async () => {
  const got: StoredRecord[] = [];
  const { spool, clock, disk, start, paused } = await shipping(async (records) => void got.push(...records));
  disk.failing = { on: 'write', code: 'ENOSPC' };
  spool.append(bytesOf(record(1)));
  await spool.flush();
  disk.failing = undefined;
  clock.advance(1000);
  spool.append(bytesOf(record(2)));
  await spool.flush();
  const shipper = start();
  await paused();
  expect(got).toMatchObject([{ type: 'gap', writer: 'w', dropped: 1, cause: 'disk_full' }, record(2)]);
  await shipper.stop();
});
