import { rm } from 'node:fs/promises';
import type { SegmentFile, SpoolFiles } from './files.ts';
import { encodeFrames, type Frame } from './frame.ts';
import { type Segment, segmentPath } from './segments.ts';

/** Where frames are appended: one file at a time, a new one when it is large enough, or after a failure. */
export interface ActiveSegment {
  /**
   * Appends all of the frames, or none that a reader would see. After a failure it is not known whether they are on
   * disk, so their sequences are never used again.
   */
  append(frames: readonly Frame[], options: { readonly sync: boolean }): Promise<void>;
  /** Settles when everything that was appended before survives a power cut. */
  sync(): Promise<void>;
  /** True for the file that may still grow. */
  isActive(segment: Segment): boolean;
  close(): Promise<void>;
}

interface Active {
  readonly segment: Segment;
  readonly file: SegmentFile;
  writes: number;
  /** So many of them survive a power cut. */
  synced: number;
}

export interface ActiveSegmentOptions {
  readonly dir: string;
  readonly files: SpoolFiles;
  /** A segment that holds so many bytes gets no more. */
  readonly segmentBytes: number;
  /** New segments are added at its end. */
  readonly segments: Segment[];
}

export function createActiveSegment(options: ActiveSegmentOptions): ActiveSegment {
  const { dir, files, segmentBytes, segments } = options;
  let active: Active | undefined;

  const start = async (firstSequence: number) => {
    const path = segmentPath(dir, firstSequence);
    const file = await files.create(path);
    const segment = { path, firstSequence, lastSequence: firstSequence - 1, bytes: 0 };
    segments.push(segment);
    active = { segment, file, writes: 0, synced: 0 };
    return active;
  };

  const sync = async (one: Active | undefined) => {
    if (!one || one.synced === one.writes) return;
    const { writes } = one;
    await one.file.sync();
    one.synced = Math.max(one.synced, writes);
  };

  /** Synced, because a later file that is synced must not survive a power cut that takes this one. */
  const finish = async () => {
    const finished = active;
    await sync(finished);
    active = undefined;
    await finished?.file.close();
  };

  /** What a failed write left behind is cut, as far as the disk lets us; readers never look there anyway. */
  const abandon = async () => {
    if (!active) return;
    const { segment, file } = active;
    active = undefined;
    await file.truncate(segment.bytes).catch(() => undefined);
    await file.close().catch(() => undefined);
    if (segment.bytes > 0) return;
    segments.splice(segments.indexOf(segment), 1);
    await rm(segment.path, { force: true }).catch(() => undefined);
  };

  return {
    async append(frames, { sync: durable }) {
      const [first, last] = [frames[0], frames.at(-1)];
      if (!first || !last) return;
      try {
        if (active && active.segment.bytes >= segmentBytes) await finish();
        const current = active ?? (await start(first.sequence));
        const { segment, file } = current;
        const bytes = encodeFrames(frames);
        await file.write(bytes);
        current.writes += 1;
        if (durable) await sync(current);
        segment.bytes += bytes.byteLength;
        segment.lastSequence = last.sequence;
      } catch (error) {
        await abandon();
        throw error;
      }
    },
    sync: () => sync(active),
    isActive: (segment) => active?.segment === segment,
    close: finish,
  };
}
