import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { EngineSpec, RawTensor, Row, RowFailure } from '../protocol.ts';
import { classify } from './image/classify.ts';
import { openSession } from './image/session.ts';
import { openTensorSession } from './tensor/session.ts';

/**
 * The session's own thread inside the engine process. `session.run` blocks the event loop of its thread for the
 * whole run; here it blocks nobody: the engine's main thread goes on reading messages and decoding the next batch.
 */
export interface SessionThread {
  /**
   * Runs one batch. One call at a time.
   *
   * @throws Error when ONNX Runtime fails
   */
  run(job: Job): Promise<BatchResult>;
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

/** The machine's monotonic clock; `performance.now()` has an origin of its own in each thread. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

interface ThreadData {
  readonly spec: EngineSpec;
  /** For images: shared with the main thread, which fills it before each run. */
  readonly batch?: SharedArrayBuffer;
}

type FromThread =
  | { readonly type: 'open' }
  | ({ readonly type: 'ran' } & BatchResult)
  | { readonly type: 'error'; readonly message: string };

/**
 * Starts the thread and loads the model in it.
 *
 * @param entry module that calls `serveSession` when it is not the main thread
 * @throws Error with the reason why the model cannot be loaded
 */
export async function startSessionThread(entry: URL, data: ThreadData): Promise<SessionThread> {
  const worker = new Worker(entry, { workerData: data });
  // A session thread that dies takes the engine with it; the front starts a new one.
  worker.on('error', (error) => {
    process.stderr.write(`session thread: ${error.stack ?? error.message}\n`);
    process.exit(1);
  });
  const answer = () =>
    new Promise<FromThread>((resolve) => worker.once('message', (message: FromThread) => resolve(message)));
  const opened = await answer();
  if (opened.type === 'error') throw new Error(opened.message);
  return {
    async run(job) {
      const answered = answer();
      worker.postMessage(job);
      const result = await answered;
      if (result.type !== 'ran')
        throw new Error(result.type === 'error' ? result.message : 'unexpected answer');
      return { rows: result.rows, runMs: result.runMs, endedAtMs: result.endedAtMs };
    },
  };
}

/** Body of the thread: loads the model, then runs one batch per message. */
export async function serveSession(): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('not a worker thread');
  const { spec, batch } = workerData as ThreadData;
  const reply = (message: FromThread) => port.postMessage(message);
  const fail = (thrown: unknown) =>
    reply({ type: 'error', message: thrown instanceof Error ? thrown.message : String(thrown) });

  const run = await opened(spec, batch).catch(fail);
  if (!run) return;
  reply({ type: 'open' });

  port.on('message', async (job: Job) => {
    try {
      reply({ type: 'ran', ...(await run(job)) });
    } catch (thrown) {
      fail(thrown);
    }
  });
}

/** What runs one batch of the model. */
async function opened(
  spec: EngineSpec,
  batch: SharedArrayBuffer | undefined,
): Promise<(job: Job) => Promise<BatchResult>> {
  const { image } = spec.manifest;
  if (!image || !batch) {
    const session = await openTensorSession(spec);
    return ({ count, inputs = [] }) => timed(() => session.run(inputs, count));
  }
  const session = await openSession(spec, image, new Uint8Array(batch));
  const options = { activation: image.activation, topK: image.top_k };
  return async ({ count }) => {
    const { rows: output, ...times } = await timed(() => session.run(count));
    return { rows: classify(output, count, options), ...times };
  };
}

async function timed<T>(run: () => Promise<T>): Promise<{ rows: T; runMs: number; endedAtMs: number }> {
  const startedAtMs = monotonicMs();
  const rows = await run();
  const endedAtMs = monotonicMs();
  return { rows, runMs: endedAtMs - startedAtMs, endedAtMs };
}
