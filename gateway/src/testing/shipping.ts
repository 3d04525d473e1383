import { bytesOfText, fragileFiles, testSpool } from '@headgate/journal/testing/spool';
import type { RecordSink } from '@headgate/stores/records/sink';
import { idAt, NOW_MS, predictionOf } from '@headgate/stores/testing/records';
import { onTestFinished } from 'vitest';
import { type ShipperOptions, startShipper } from '../store/shipper.ts';

export const record = (n: number, changes = {}) => predictionOf({ id: idAt(NOW_MS, n), ...changes });
export const bytesOf = (value: unknown) => bytesOfText(JSON.stringify(value));

/** A shipper over a real spool, whose pauses end when the test says so. */
export async function shipping(deliver: RecordSink['deliver'], options: Partial<ShipperOptions> = {}) {
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
      restMs: 200,
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
