import { parentPort, Worker, workerData } from 'node:worker_threads';
import { classify } from './classify.ts';
import type { Classes, EngineSpec } from './protocol.ts';
import { openSession } from './session.ts';

/**
 * The session's own thread inside the engine process. `session.run` blocks the event loop of its thread for the
 * whole run; here it blocks nobody: the engine's main thread goes on reading messages and decoding the next batch.
 */
export interface SessionThread {
  /**
   * Classifies the first `count` items of the batch buffer. One call at a time.
   *
   * @throws Error when ONNX Runtime fails
   */
  run(count: number): Promise<BatchResult>;
}

export interface BatchResult {
  readonly rows: readonly Classes[];
  readonly runMs: number;
}

interface ThreadData {
  readonly spec: EngineSpec;
  /** Shared with the main thread, which fills it before each run. */
  readonly batch: SharedArrayBuffer;
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
    async run(count) {
      const answered = answer();
      worker.postMessage(count);
      const result = await answered;
      if (result.type !== 'ran')
        throw new Error(result.type === 'error' ? result.message : 'unexpected answer');
      return { rows: result.rows, runMs: result.runMs };
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

  const image = spec.manifest.image;
  if (!image) return fail(new Error('the manifest has no image section'));
  const session = await openSession(spec, image, new Uint8Array(batch)).catch(fail);
  if (!session) return;
  reply({ type: 'open' });

  port.on('message', async (count: number) => {
    try {
      const startedMs = performance.now();
      const output = await session.run(count);
      const runMs = performance.now() - startedMs;
      const rows = classify(output, count, { activation: image.activation, topK: image.top_k });
      reply({ type: 'ran', rows, runMs });
    } catch (thrown) {
      fail(thrown);
    }
  });
}
