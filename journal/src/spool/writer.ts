import { HeadgateError } from '@headgate/contracts/errors';
import type { DropCause } from '@headgate/contracts/records';
import type { Clock } from '@headgate/runtime/clock';
import type { WriteSoon } from '@headgate/runtime/write-soon';
import type { ActiveSegment } from './active-segment.ts';
import { FRAME_HEADER_BYTES, type Frame, MAX_PAYLOAD_BYTES } from './frame.ts';
import { causeOf, createGapCounter, encodeGap, type Gap } from './gap.ts';

/** Bytes, or what makes them once it is this record's turn, off the way of the request. Must not throw. */
export type Payload = Uint8Array | (() => Uint8Array);

/** A record that waits to be written. */
interface Waiting {
  readonly payload: Payload;
  /** Absent for a record that nobody waits for. */
  readonly durable?: {
    readonly kept: (sequence: number) => void;
    readonly refused: (cause: DropCause, error?: unknown) => void;
  };
}

/** Hears what became of records, in the order of the log. */
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
  /** Asks for the next write of records that nobody waits for. */
  readonly soon: WriteSoon;
  /** What is written in place of lost records. */
  readonly encodeGap?: (gap: Gap) => Uint8Array;
}

export interface WriterLimits {
  /** Records that may wait in memory. */
  readonly waiting: number;
  /** Most bytes of one write. */
  readonly batchBytes: number;
  /** After a failure nothing is tried for so long, in ms. */
  readonly retryMs: number;
}

export interface Writer {
  append(payload: Payload): void;
  appendDurable(payload: Payload): Promise<number>;
  flush(): Promise<void>;
  /** Flushes, and says in the log what was lost last. */
  finish(): Promise<void>;
  waiting(): number;
}

interface Batch {
  readonly frames: Frame[];
  readonly taken: { readonly waiting: Waiting; readonly sequence: number }[];
  readonly gap: Gap | undefined;
}

/** Writes what waits in batches, one after the other: while one is on its way to disk the next one gathers. */
export function createWriter(options: WriterOptions): Writer {
  const { active, clock, report, limits, roomBytes, soon } = options;
  /** In the order in which they came. */
  let queue: Waiting[] = [];
  const gaps = createGapCounter(clock);
  let nextSequence = options.nextSequence;
  let pausedUntilMs = Number.NEGATIVE_INFINITY;
  let lastCause: DropCause = 'disk_error';
  let running: Promise<void> | undefined;

  const drop = (lost: readonly Waiting[], cause: DropCause, error?: unknown) => {
    if (lost.length === 0) return;
    gaps.count(lost.length, cause);
    report.dropped(lost.length, cause);
    for (const { durable } of lost) durable?.refused(cause, error);
  };

  const push = (waiting: Waiting): boolean => {
    if (queue.length >= limits.waiting) {
      drop([waiting], 'backlog');
      return false;
    }
    queue.push(waiting);
    return true;
  };

  const flush = (): Promise<void> => {
    running ??= writeAll();
    return running;
  };
  const flushSoon = () => void flush();

  const writeAll = async () => {
    // Those who append in the same turn share the write.
    await Promise.resolve();
    while (queue.length > 0) {
      if (clock.monotonicMs() < pausedUntilMs) dropWaiting();
      else {
        const batch = takeBatch();
        // A gap alone is not written: it goes on growing until a record follows.
        if (batch.taken.length > 0) await write(batch);
      }
    }
    running = undefined;
  };

  const dropWaiting = () => {
    const lost = queue;
    queue = [];
    for (const one of lost) drop([one], lastCause);
  };

  /** As many records as fit into one write and into the log; those that fit nowhere are dropped. */
  const takeBatch = (): Batch => {
    const gap = gaps.open();
    const frames: Frame[] = [];
    const taken: Batch['taken'] = [];
    let room = roomBytes();
    let bytes = 0;
    const add = (kind: Frame['kind'], payload: Uint8Array): number => {
      bytes += FRAME_HEADER_BYTES + payload.byteLength;
      frames.push({ sequence: nextSequence, kind, payload });
      return nextSequence++;
    };
    if (gap) add('gap', (options.encodeGap ?? encodeGap)(gap));
    room -= bytes;
    let seen = 0;
    for (const waiting of queue) {
      if (bytes >= limits.batchBytes) break;
      seen += 1;
      const payload = encoded(waiting.payload);
      const size = FRAME_HEADER_BYTES + (payload?.byteLength ?? 0);
      if (!payload || payload.byteLength > MAX_PAYLOAD_BYTES) drop([waiting], 'invalid');
      else if (size > room) drop([waiting], 'bound');
      else {
        taken.push({ waiting, sequence: add('record', payload) });
        room -= size;
      }
    }
    queue.splice(0, seen);
    return { frames, taken, gap };
  };

  const write = async ({ frames, taken, gap }: Batch) => {
    try {
      await active.append(frames, { sync: taken.some(({ waiting }) => waiting.durable) });
    } catch (error) {
      lastCause = causeOf(error);
      pausedUntilMs = clock.monotonicMs() + limits.retryMs;
      drop(
        taken.map(({ waiting }) => waiting),
        lastCause,
        error,
      );
      return;
    }
    if (gap) gaps.written(gap);
    report.written(taken.length);
    for (const { waiting, sequence } of taken) waiting.durable?.kept(sequence);
  };

  return {
    append(payload) {
      if (push({ payload }) && !running) soon(flushSoon);
    },
    appendDurable(payload) {
      return new Promise((kept, reject) => {
        const refused = (cause: DropCause, error?: unknown) => reject(refusalOf(cause, error));
        if (push({ payload, durable: { kept, refused } })) void flush();
      });
    },
    flush,
    async finish() {
      await flush();
      if (gaps.open()) await write(takeBatch());
    },
    waiting: () => queue.length,
  };
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
