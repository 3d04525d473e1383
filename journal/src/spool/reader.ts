import { open, rm } from 'node:fs/promises';
import type { Cursor } from './cursor.ts';
import { type Frame, scanFrames } from './frame.ts';
import type { Segment } from './segments.ts';

/** Hands out what is not delivered yet, oldest first. For one consumer. */
export interface SpoolReader {
  /** At most `max` frames after the acknowledged ones; none when there are none. Reading alone moves nothing. */
  read(max: number): Promise<readonly Frame[]>;
  /** Everything up to `sequence` is delivered: it is not handed out again, and files that are done with are removed. */
  acknowledge(sequence: number): Promise<void>;
}

export interface ReaderOptions {
  readonly cursor: Cursor;
  /** Oldest first; finished ones are taken out. */
  readonly segments: Segment[];
  readonly isActive: (segment: Segment) => boolean;
  /** Bytes on disk that belong to no record any more: the disk or somebody changed them. */
  readonly onDamage: (bytes: number) => void;
}

export function createReader({ cursor, segments, isActive, onDamage }: ReaderOptions): SpoolReader {
  /** What was read and is not acknowledged; of one segment at a time. */
  let window: readonly Frame[] = [];
  /** Everything up to here is in the window, or was. */
  let seen = cursor.acknowledged();
  let position: { segment: Segment; offset: number } | undefined;

  /** @returns false when there is nothing left to load */
  const loadNext = async (): Promise<boolean> => {
    const segment = segments.find(({ lastSequence }) => lastSequence > seen);
    if (!segment) return false;
    const offset = position?.segment === segment ? position.offset : 0;
    const [end, last] = [segment.bytes, segment.lastSequence];
    const { frames, damagedBytes, end: scanned } = scanFrames(await bytesOf(segment, offset, end));
    const damage = damagedBytes + (end - offset - scanned);
    if (damage > 0) onDamage(damage);
    window = frames.filter(({ sequence }) => sequence > seen);
    position = { segment, offset: end };
    seen = last;
    return true;
  };

  return {
    async read(max) {
      while (window.length === 0 && (await loadNext()));
      return window.slice(0, max);
    },
    async acknowledge(sequence) {
      window = window.filter((frame) => frame.sequence > sequence);
      seen = Math.max(seen, sequence);
      await cursor.advance(sequence);
      const done = segments.filter((segment) => segment.lastSequence <= sequence && !isActive(segment));
      for (const segment of done) {
        segments.splice(segments.indexOf(segment), 1);
        await rm(segment.path, { force: true });
      }
    },
  };
}

/** A file that is gone counts as damaged from begin to end: waiting for it would deliver nothing for ever. */
async function bytesOf({ path }: Segment, offset: number, end: number): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(end - offset), 0, end - offset, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
