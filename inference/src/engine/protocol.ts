import type { Reason } from '@headgate/contracts/errors';
import type { Manifest } from '@headgate/contracts/manifest';
import type { LoadErrorKind } from '../load-error.ts';

/**
 * What the front and an engine process say to each other, over the IPC channel of the child process (structured
 * clone; a 200 kB image costs 0.23 CPU-ms, both sides together). They send lists of messages: all of one turn of their
 * event loop.
 *
 * The engine only executes: the front owns queue, batching and deadlines.
 */

/** A tensor: its shape, and its elements as a raw block of the protocol. */
export interface RawTensor {
  readonly shape: readonly number[];
  readonly block: Uint8Array;
}

/** What one item brings: an encoded image, or one tensor for each input of the manifest, in its order. */
export type Payload = Uint8Array | readonly RawTensor[];

/** One item, and what its caller wants of it. */
export interface Question {
  readonly payload: Payload;
  /** Sketch the image too (contracts/src/sketch.ts); nothing where the payload is tensors. */
  readonly sketch: boolean;
}

/** An item that is ready to run: its pixels, or its tensors. */
export interface Prepared {
  readonly payload: Payload;
  readonly sketch?: Float32Array;
}

/** What one item gets: its best classes, or one tensor for each output of the manifest, in its order. */
export type Row = Classes | readonly RawTensor[];

/** The model failed on this item alone. The message is for logs. */
export interface RowFailure {
  readonly failure: string;
}

export type Provider = 'cuda' | 'cpu';

/** Whether a provider works on this machine; the reason if it does not. */
export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Everything an engine needs to serve one model version. */
export interface EngineSpec {
  /** Directory of the model version. */
  readonly directory: string;
  /** Folder for verified copies of external data, which no other user can enter; none for models without. */
  readonly privateDir?: string;
  /** Directories in which golden samples are looked up, in this order. */
  readonly sampleDirs: readonly string[];
  readonly manifest: Manifest;
  readonly provider: Provider;
  /** CUDA device; the CPU provider ignores it. */
  readonly deviceId: number;
  readonly intraOpThreads: number;
  /** Let CUDA compute matrix products and convolutions in TF32: faster, with 10 bits of mantissa. */
  readonly tf32: boolean;
  /** Images decoded at the same time; the front sets UV_THREADPOOL_SIZE to one more. */
  readonly decodeThreads: number;
  /** Images with more pixels are refused before they are decoded. */
  readonly maxPixels: number;
  /** Along a side of an image. */
  readonly maxSide: number;
  /** Scheduling niceness, 0 to 19. */
  readonly nice: number;
}

/** Item ids are chosen by the front and unique within the life of an engine. */
export type ToEngine =
  /** Only message of a throwaway process: does this provider work here? Answered by `probed`. */
  | { readonly type: 'probe'; readonly provider: Provider; readonly deviceId: number }
  /** First message. Answered by `loaded` or `refused`. */
  | { readonly type: 'load'; readonly spec: EngineSpec }
  /** Decode this item. Answered by `decoded` (during a run: together with the end of the run) or `failed`. */
  | ({ readonly type: 'prepare'; readonly id: number } & Question)
  /** Forget the item. Answered by `discarded` once it takes nothing of the engine: a decode that has begun goes on. */
  | { readonly type: 'discard'; readonly id: number }
  /** Run decoded items as one batch, at most one batch at a time. Answered by `ran` or `run_failed`. */
  | { readonly type: 'run'; readonly ids: readonly number[] };

export type FromEngine =
  | { readonly type: 'probed'; readonly result: ProbeResult }
  /** Verified, warm and ready. */
  | { readonly type: 'loaded'; readonly report: LoadReport; readonly residentBytes: number }
  /** Cannot serve this spec; the process ends. */
  | { readonly type: 'refused'; readonly kind: LoadErrorKind; readonly message: string }
  | { readonly type: 'discarded'; readonly id: number }
  | ({ readonly type: 'decoded'; readonly id: number; readonly decodeMs: number } & Timed)
  | { readonly type: 'failed'; readonly id: number; readonly failure: ItemFailure }
  | ({ readonly type: 'ran'; readonly runMs: number; readonly rows: readonly (Row | RowFailure)[] } & Timed)
  | { readonly type: 'run_failed'; readonly message: string }
  /** Every two seconds: a sign of life. */
  | { readonly type: 'stats'; readonly residentBytes: number };

/** When something ended, by the machine's monotonic clock, which all threads of all engines share; in ms. */
interface Timed {
  readonly endedAtMs: number;
}

/** A HeadgateError in transit. */
export interface ItemFailure {
  readonly reason: Reason;
  readonly detail: string;
  /** For logs only. */
  readonly cause: string | undefined;
}

/** Best classes of one item, best first; both arrays have the same length. */
export interface Classes {
  readonly classIds: Int32Array;
  /** In [0, 1]. */
  readonly scores: Float32Array;
  /** Only where the caller asked for it: one row of the output of sketches. */
  readonly sketch?: Float32Array;
}

export interface LoadReport {
  readonly provider: Provider;
  /** Digest, session, warm-up and golden comparison together. */
  readonly loadMs: number;
  /** Run time of each warmed batch size, in ms. */
  readonly warmUpMs: ReadonlyMap<number, number>;
  readonly golden: {
    readonly compared: number;
    /** Samples that are not on this disk, or differ from the recorded file. */
    readonly skipped: readonly string[];
    /** Largest absolute difference of a score. */
    readonly largestDifference: number;
  };
}

/** How often an engine sends `stats`, in ms. */
export const STATS_INTERVAL_MS = 2_000;
