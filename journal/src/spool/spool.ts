import { mkdir } from 'node:fs/promises';
import type { Clock } from '@headgate/runtime/clock';
import { type WriteSoon, writeSoon } from '@headgate/runtime/write-soon';
import { ActiveSegment } from './active-segment.ts';
import { openCursor } from './cursor.ts';
import { nodeFiles, type SpoolFiles } from './files.ts';
import type { Gap } from './gap.ts';
import { lockDirectory } from './lock.ts';
import { createReader, type SpoolReader } from './reader.ts';
import { recoverSegments, type Segment } from './segments.ts';
import { type Payload, type SpoolReport, Writer, type WriterLimits } from './writer.ts';

export type { DropCause } from '@headgate/contracts/records';
export type { Frame } from './frame.ts';
export type { Gap } from './gap.ts';
export type { SpoolReader } from './reader.ts';
export type { Payload, SpoolReport } from './writer.ts';

/**
 * A log on disk between the writers of records and their delivery (decision 0017): appending waits for no
 * database, and what is appended survives the end of the process.
 */
export interface Spool {
  /**
   * Takes a record; returns at once and never fails. It is written within 100 ms, without fsync. When
   * it cannot be kept, it is counted, and a gap record says so as soon as the log takes records again.
   */
  append(payload: Payload): void;
  /**
   * Settles once the record survives a power cut, with its sequence. Records that come together share one fsync.
   *
   * @throws HeadgateError records_unavailable when it cannot be kept, or when nobody can tell whether it was
   */
  appendDurable(payload: Payload): Promise<number>;
  readonly reader: SpoolReader;
  /** Files that get no more records, oldest first. */
  finished(): readonly Readonly<Segment>[];
  /** Settles once everything that was appended before is written or dropped. */
  flush(): Promise<void>;
  /** Settles once everything that was appended before survives a power cut, or is dropped. Fails as a disk fails. */
  sync(): Promise<void>;
  stats(): SpoolStats;
  /** Writes what waits, and lets another process take over. */
  close(): Promise<void>;
}

export interface SpoolStats {
  /** Bytes on disk, delivered ones that share a file with others included. */
  readonly bytes: number;
  /** Records in memory. */
  readonly waiting: number;
  /** Written and not acknowledged; gap records count. */
  readonly undelivered: number;
}

export interface SpoolOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly report: SpoolReport;
  readonly limits: SpoolLimits;
  readonly files?: SpoolFiles;
  /** By default the timer that all writers of the process share. */
  readonly soon?: WriteSoon;
  /** What is written in place of lost records; JSON of the gap by default. */
  readonly encodeGap?: (gap: Gap) => Uint8Array;
}

export interface SpoolLimits extends WriterLimits {
  /** Most bytes on disk. */
  readonly maxBytes: number;
  /** A file of the log that holds so many bytes gets no more; it is removed when all of it is delivered. */
  readonly segmentBytes: number;
}

/** 4 MiB files, 1 MiB a write, 1 s of pause after a failed write. */
export const SPOOL_DEFAULTS = {
  segmentBytes: 4 * 2 ** 20,
  batchBytes: 2 ** 20,
  waiting: 10_000,
  retryMs: 1000,
} as const;

/**
 * Opens the log of one writer, and recovers it from whatever ended its last process.
 *
 * @throws SpoolLockedError while another process has it open
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { dir, report, limits, files = nodeFiles } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(dir);
  try {
    const cursor = await openCursor(dir);
    const { segments, lastSequence, cutBytes } = await recoverSegments(dir);
    if (cutBytes > 0) report.damaged(cutBytes);
    const active = new ActiveSegment({ dir, files, segments, segmentBytes: limits.segmentBytes });
    const writer = new Writer({
      soon: writeSoon,
      ...options,
      active,
      nextSequence: Math.max(lastSequence, cursor.acknowledged()) + 1,
      roomBytes: () => limits.maxBytes - bytesIn(segments),
    });
    const isActive = (segment: Segment) => active.isActive(segment);
    const reader = createReader({ cursor, segments, isActive, onDamage: report.damaged });
    return {
      append: (payload) => writer.append(payload),
      appendDurable: (payload) => writer.appendDurable(payload),
      flush: () => writer.flush(),
      async sync() {
        await writer.flush();
        await active.sync();
      },
      reader,
      finished: () => segments.filter((segment) => !isActive(segment)),
      stats: () => ({
        bytes: bytesIn(segments),
        waiting: writer.waiting,
        undelivered: Math.max(0, (segments.at(-1)?.lastSequence ?? 0) - cursor.acknowledged()),
      }),
      async close() {
        await writer.finish();
        await active.close().finally(unlock);
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

function bytesIn(segments: readonly Segment[]): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}
