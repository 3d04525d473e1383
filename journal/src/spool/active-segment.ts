import { rm } from 'node:fs/promises';
import type { SegmentFile, SpoolFiles } from './files.ts';
import { encodeFrames, type Frame } from './frame.ts';
import { type Segment, segmentPath } from './segments.ts';

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

/** Where frames are appended: one file at a time, a new one when it is large enough, or after a failure. */
export class ActiveSegment {
  readonly #options: ActiveSegmentOptions;
  #active: Active | undefined;

  constructor(options: ActiveSegmentOptions) {
    this.#options = options;
  }

  /** True for the file that may still grow. */
  isActive(segment: Segment): boolean {
    return this.#active?.segment === segment;
  }

  /**
   * Appends all of the frames, or none that a reader would see. After a failure it is not known whether they are on
   * disk, so their sequences are never used again.
   */
  async append(frames: readonly Frame[], { sync }: { readonly sync: boolean }): Promise<void> {
    const [first, last] = [frames[0], frames.at(-1)];
    if (!first || !last) return;
    try {
      if (this.#active && this.#active.segment.bytes >= this.#options.segmentBytes) await this.close();
      const current = this.#active ?? (await this.#start(first.sequence));
      const { segment, file } = current;
      const bytes = encodeFrames(frames);
      await file.write(bytes);
      current.writes += 1;
      if (sync) await syncFile(current);
      segment.bytes += bytes.byteLength;
      segment.lastSequence = last.sequence;
    } catch (error) {
      await this.#abandon();
      throw error;
    }
  }

  /** Settles when everything that was appended before survives a power cut. */
  async sync(): Promise<void> {
    if (this.#active) await syncFile(this.#active);
  }

  /** Synced, because a later file that is synced must not survive a power cut that takes this one. */
  async close(): Promise<void> {
    const finished = this.#active;
    if (finished) await syncFile(finished);
    this.#active = undefined;
    await finished?.file.close();
  }

  async #start(firstSequence: number): Promise<Active> {
    const { dir, files, segments } = this.#options;
    const path = segmentPath(dir, firstSequence);
    const file = await files.create(path);
    const segment = { path, firstSequence, lastSequence: firstSequence - 1, bytes: 0 };
    segments.push(segment);
    this.#active = { segment, file, writes: 0, synced: 0 };
    return this.#active;
  }

  /** Cuts what a failed write left behind, as far as the disk lets us; readers never look there anyway. */
  async #abandon(): Promise<void> {
    if (!this.#active) return;
    const { segment, file } = this.#active;
    const { segments } = this.#options;
    this.#active = undefined;
    await file.truncate(segment.bytes).catch(() => undefined);
    await file.close().catch(() => undefined);
    if (segment.bytes > 0) return;
    segments.splice(segments.indexOf(segment), 1);
    await rm(segment.path, { force: true }).catch(() => undefined);
  }
}

async function syncFile(active: Active): Promise<void> {
  const { writes } = active;
  if (active.synced === writes) return;
  await active.file.sync();
  active.synced = Math.max(active.synced, writes);
}
