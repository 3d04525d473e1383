import type { EngineSpec, RawTensor, Row, RowFailure } from '../protocol.ts';
import { runImages } from './image/session.ts';
import { runTensors } from './tensor/session.ts';

/** A warm session, on this thread or on one of its own. */
export interface Runner {
  readonly warmUpMs: ReadonlyMap<number, number>;
  /**
   * Runs one batch. One call at a time.
   *
   * @throws Error when ONNX Runtime fails
   */
  run(job: Job): Promise<BatchResult>;
  close(): Promise<void>;
}

/** The first `count` items of the batch buffer; or, of a `tensor` model, the joined tensors of that many items. */
export interface Job {
  readonly count: number;
  readonly inputs?: readonly RawTensor[];
}

export interface BatchResult {
  readonly rows: readonly (Row | RowFailure)[];
  readonly runMs: number;
  /** By `monotonicMs`. */
  readonly endedAtMs: number;
}

export interface RunnerData {
  readonly spec: EngineSpec;
  /** For images: filled before each run. */
  readonly batch?: SharedArrayBuffer;
}

/** The machine's monotonic clock; `performance.now()` has an origin of its own in each thread. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Loads the model and warms it up, on this thread. @throws Error with the reason why the model cannot be loaded */
export function openRunner(data: RunnerData): Promise<Runner> {
  const { image } = data.spec.manifest;
  return image && data.batch
    ? runImages(data.spec, image, new Uint8Array(data.batch))
    : runTensors(data.spec);
}

/** Times one run. */
export async function timed<T>(
  run: () => Promise<T>,
): Promise<{ rows: T; runMs: number; endedAtMs: number }> {
  const startedAtMs = monotonicMs();
  const rows = await run();
  const endedAtMs = monotonicMs();
  return { rows, runMs: endedAtMs - startedAtMs, endedAtMs };
}
