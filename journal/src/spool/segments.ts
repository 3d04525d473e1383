import { readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { readLogFile } from './files.ts';
import { type Frame, scanFrames } from './frame.ts';

/** A file of the log. A process appends only to files that it made itself. */
export interface Segment {
  readonly path: string;
  readonly firstSequence: number;
  /** Highest sequence in it; firstSequence - 1 while it is empty. */
  lastSequence: number;
  /** Bytes that count; whatever lies behind them in the file was never written as a whole. */
  bytes: number;
}

export interface Recovered {
  /** Oldest first; none of them is empty. */
  readonly segments: Segment[];
  readonly lastSequence: number;
  /** Bytes of a record that was being written when the process ended. */
  readonly cutBytes: number;
}

const NAME = /^(\d{16})\.log$/;

/** The number in the name of a file of the log; undefined where that is none. */
export function sequenceIn(name: string): number | undefined {
  const sequence = Number(NAME.exec(name)?.[1]);
  return Number.isSafeInteger(sequence) ? sequence : undefined;
}

/**
 * A writer names a file by its first frame. An older frame there means a copy, which would lead the search astray; a
 * newer one follows a frame that was damaged.
 */
export function isMisnamed(name: string, first: Frame | undefined): boolean {
  const sequence = sequenceIn(name);
  return sequence === undefined || (first !== undefined && first.sequence < sequence);
}

export function segmentPath(dir: string, firstSequence: number): string {
  return join(dir, `${String(firstSequence).padStart(16, '0')}.log`);
}

/** Takes stock of the directory after whatever ended the last process: the torn tail of each file is cut. */
export async function recoverSegments(dir: string): Promise<Recovered> {
  const segments: Segment[] = [];
  let cutBytes = 0;
  let lastSequence = 0;
  for (const firstSequence of await firstSequencesIn(dir)) {
    const path = segmentPath(dir, firstSequence);
    const bytes = await readLogFile(path);
    const { frames, end } = scanFrames(bytes);
    cutBytes += bytes.byteLength - end;
    lastSequence = Math.max(lastSequence, frames.at(-1)?.sequence ?? firstSequence - 1);
    if (end === 0) {
      await rm(path);
      continue;
    }
    if (end < bytes.byteLength) await truncate(path, end);
    segments.push({ path, firstSequence, lastSequence, bytes: end });
  }
  return { segments, lastSequence, cutBytes };
}

async function firstSequencesIn(dir: string): Promise<number[]> {
  const sequences = (await readdir(dir)).map(sequenceIn);
  return sequences.filter((sequence) => sequence !== undefined).sort((a, b) => a - b);
}
