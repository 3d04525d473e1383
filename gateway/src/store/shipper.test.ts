import type { StoredRecord } from '@headgate/contracts/records/schema';
import { type RecordSink, RecordsRefusedError } from '@headgate/contracts/records/sink';
import { idAt, NOW_MS, predictionOf } from '@headgate/contracts/records/testing';
import { expect, it, onTestFinished } from 'vitest';
import { bytesOfText, fragileFiles, testSpool } from '../testing/spool.ts';
import { type ShipperOptions, startShipper } from './shipper.ts';

const record = (n: number, changes = {}) => predictionOf({ id: idAt(NOW_MS, n), ...changes });
const bytesOf = (value: unknown) => bytesOfText(JSON.stringify(value));

/** A shipper over a real spool, whose pauses end when the test says so. */
async function shipping(deliver: RecordSink['deliver'], options: Partial<ShipperOptions> = {}) {
  const disk = fragileFiles();
  const { spool, clock } = await testSpool({ files: disk.files });
  const pauses: number[] = [];
  const seen = { delivered: 0, refused: 0, failures: 0 };
  let resume = () => {};
  const idle = { reached: Promise.withResolvers<void>() };
  const start = () =>
    startShipper({
      reader: spool.reader,
      sink: { deliver, close: async () => undefined },
      writer: 'w',
      batchRecords: 10,
      intervalMs: 7,
      retryMinMs: 100,
      retryMaxMs: 1000,
      random: () => 1,
      pause: (ms, signal) => {
        pauses.push(ms);
        idle.reached.resolve();
        return new Promise((resolve) => {
          resume = resolve;
          signal.addEventListener('abort', () => resolve());
        });
      },
      report: {
        delivered: (records) => {
          seen.delivered += records;
        },
        refused: (records) => {
          seen.refused += records;
        },
        failed: () => {
          seen.failures++;
        },
      },
      ...options,
    });
  /** Lets the shipper go on until its next pause. */
  const next = async () => {
    idle.reached = Promise.withResolvers();
    resume();
    await idle.reached.promise;
  };
  onTestFinished(() => spool.close());
  return { spool, clock, disk, start, next, pauses, seen, paused: () => idle.reached.promise };
}

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
  expect(pauses).toEqual([100, 200, 400, 800, 1000]);
  expect(seen.failures).toBe(5);
  down = false;
  await next();
  expect(got).toEqual([record(1)]);
  down = true;
  spool.append(bytesOf(record(2)));
  await spool.flush();
  await next();
  expect(pauses.at(-1)).toBe(100);
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

it('asks the circuit breaker before each delivery', async () => {
  let calls = 0;
  const guard: ShipperOptions['guard'] = () => Promise.reject(new Error('open'));
  const { spool, start, paused, seen } = await shipping(async () => void calls++, { guard });
  spool.append(bytesOf(record(1)));
  await spool.flush();
  const shipper = start();
  await paused();
  expect([calls, seen.failures]).toEqual([0, 1]);
  await shipper.stop();
});
