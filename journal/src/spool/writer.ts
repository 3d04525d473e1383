import { HeadgateError } from '@headgate/contracts/errors';
import type { DropCause } from '@headgate/contracts/records';
import type { Clock } from '@headgate/runtime/clock';
import type { WriteSoon } from '@headgate/runtime/write-soon';
import type { ActiveSegment } from './active-segment.ts';
import { FRAME_HEADER_BYTES, type Frame, MAX_PAYLOAD_BYTES } from './frame.ts';
import { causeOf, createGapCounter, encodeGap, type Gap, type GapCounter } from './gap.ts';

/** Bytes, or what makes them once it is this record's turn, off the way of the request. Must not throw. */
export type Payload = Uint8Array | (() => Uint8Array);

/** A record that waits to be written. */
interface Waiting {
  readonly payload: Payload;
  /** Absent for a record whose write is not awaited. */
  readonly durable?: {
    readonly kept: (sequence: number) => void;
    readonly refused: (cause: DropCause, error?: unknown) => void;
  };
}

/** Told what happened to records, in the order of the log. */
export interface SpoolReport {
  /** So many records are in the log. */
  written(records: number): void;
  /** So many records are lost. Those that were encoded since the last `written` are among them. */
  dropped(records: number, cause: DropCause): void;
  /** So many bytes of the log belong to no record any more. */
  damaged(bytes: number): void;
}

export interface WriterOptions {
  readonly active: ActiveSegment;
  readonly clock: Clock;
  readonly report: SpoolReport;
  readonly nextSequence: number;
  /** Bytes that may still be written before the log has its full size. */
  readonly roomBytes: () => number;
  readonly limits: WriterLimits;
  /** Asks for the next write of records that are not awaited. */
  readonly soon: WriteSoon;
  /** What is written in place of lost records. */
  readonly encodeGap?: (gap: Gap) => Uint8Array;
}

export interface WriterLimits {
  /** Records that may wait in memory. */
  readonly waiting: number;
  /** Most bytes of one write. */
  readonly batchBytes: number;
  /** Pause after a failed write, in ms. */
  readonly retryMs: number;
}

interface Batch {
  readonly frames: Frame[];
  readonly taken: { readonly waiting: Waiting; readonly sequence: number }[];
  readonly gap: Gap | undefined;
}

/** Writes waiting records in batches, one batch at a time: the next one gathers while one is on its way to disk. */
export class Writer {
  readonly #options: WriterOptions;
  readonly #gaps: GapCounter;
  /** In the order in which they came. */
  #queue: Waiting[] = [];
  #nextSequence: number;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #lastCause: DropCause = 'disk_error';
  #running: Promise<void> | undefined;
  readonly #flushSoon = () => void this.flush();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#gaps = createGapCounter(options.clock);
    this.#nextSequence = options.nextSequence;
  }

  /** Records in memory. */
  get waiting(): number {
    return this.#queue.length;
  }

  append(payload: Payload): void {
    if (this.#push({ payload }) && !this.#running) this.#options.soon(this.#flushSoon);
  }

  appendDurable(payload: Payload): Promise<number> {
    return new Promise((kept, reject) => {
      const refused = (cause: DropCause, error?: unknown) => reject(refusalOf(cause, error));
      if (this.#push({ payload, durable: { kept, refused } })) void this.flush();
    });
  }

  flush(): Promise<void> {
    this.#running ??= this.#writeAll();
    return this.#running;
  }

  /** Flushes, and says in the log what was lost last. */
  async finish(): Promise<void> {
    await this.flush();
    if (this.#gaps.open()) await this.#write(this.#takeBatch());
  }

  #push(waiting: Waiting): boolean {
    if (this.#queue.length >= this.#options.limits.waiting) {
      this.#drop([waiting], 'backlog');
      return false;
    }
    this.#queue.push(waiting);
    return true;
  }

  #drop(lost: readonly Waiting[], cause: DropCause, error?: unknown): void {
    if (lost.length === 0) return;
    this.#gaps.count(lost.length, cause);
    this.#options.report.dropped(lost.length, cause);
    for (const { durable } of lost) durable?.refused(cause, error);
  }

  async #writeAll(): Promise<void> {
    // Records that are appended in the same turn share the write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      if (this.#options.clock.monotonicMs() < this.#pausedUntilMs) this.#dropWaiting();
      else {
        const batch = this.#takeBatch();
        // A gap alone is not written: it goes on growing until a record follows.
        if (batch.taken.length > 0) await this.#write(batch);
      }
    }
    this.#running = undefined;
  }

  #dropWaiting(): void {
    const lost = this.#queue;
    this.#queue = [];
    for (const one of lost) this.#drop([one], this.#lastCause);
  }

  /** As many records as fit into one write and into the log; those that fit nowhere are dropped. */
  #takeBatch(): Batch {
    const { limits, roomBytes } = this.#options;
    const gap = this.#gaps.open();
    const frames: Frame[] = [];
    const taken: Batch['taken'] = [];
    let room = roomBytes();
    let bytes = 0;
    const add = (kind: Frame['kind'], payload: Uint8Array): number => {
      const sequence = this.#nextSequence;
      this.#nextSequence += 1;
      bytes += FRAME_HEADER_BYTES + payload.byteLength;
      frames.push({ sequence, kind, payload });
      return sequence;
    };
    if (gap) add('gap', (this.#options.encodeGap ?? encodeGap)(gap));
    room -= bytes;
    let seen = 0;
    for (const waiting of this.#queue) {
      if (bytes >= limits.batchBytes) break;
      seen += 1;
      const payload = encoded(waiting.payload);
      const size = FRAME_HEADER_BYTES + (payload?.byteLength ?? 0);
      if (!payload || payload.byteLength > MAX_PAYLOAD_BYTES) this.#drop([waiting], 'invalid');
      else if (size > room) this.#drop([waiting], 'bound');
      else {
        taken.push({ waiting, sequence: add('record', payload) });
        room -= size;
      }
    }
    this.#queue.splice(0, seen);
    return { frames, taken, gap };
  }

  async #write({ frames, taken, gap }: Batch): Promise<void> {
    const { active, clock, report, limits } = this.#options;
    try {
      await active.append(frames, { sync: taken.some(({ waiting }) => waiting.durable) });
    } catch (error) {
      this.#lastCause = causeOf(error);
      this.#pausedUntilMs = clock.monotonicMs() + limits.retryMs;
      const lost = taken.map(({ waiting }) => waiting);
      this.#drop(lost, this.#lastCause, error);
      return;
    }
    if (gap) this.#gaps.written(gap);
    report.written(taken.length);
    for (const { waiting, sequence } of taken) waiting.durable?.kept(sequence);
  }
}

/** Undefined when it cannot be encoded. */
function encoded(payload: Payload): Uint8Array | undefined {
  try {
    return typeof payload === 'function' ? payload() : payload;
  } catch {
    return undefined;
  }
}

function refusalOf(dropCause: DropCause, error: unknown): HeadgateError {
  const detail = 'The record of this could not be kept, so nothing was done. Please try again later.';
  return new HeadgateError('records_unavailable', detail, { cause: error ?? new Error(dropCause) });
}
