import { parentPort, Worker, workerData } from 'node:worker_threads';
import { LoadError, type LoadErrorKind } from '../../load-error.ts';
import type { EngineSpec } from '../protocol.ts';
import { type BatchResult, type Job, openRunner, type Runner, type RunnerData } from './runner.ts';

/** A model file of at most this size is tried on the calling thread. */
const SMALL_MODEL_BYTES = 2 ** 20;

/** Up to this time, in ms, the largest batch runs on the calling thread: the way to another one and back costs 0.1 ms. */
const QUICK_MS = 2;

/**
 * Loads a model and warms it up. `session.run` blocks the event loop of its thread for the whole run. So a session gets
 * a thread of its own, while the main thread reads messages and decodes the next batch, unless it is quick.
 *
 * @param entry module that calls `serveSession` when it is not the main thread
 * @throws Error with the reason why the model cannot be loaded
 */
export async function startRunner(entry: URL, data: RunnerData): Promise<Runner> {
  if (!isSmall(data.spec)) return startThread(entry, data);
  const runner = await openRunner(data);
  if (Math.max(...runner.warmUpMs.values()) <= QUICK_MS) return runner;
  await runner.close();
  return startThread(entry, data);
}

/** Sides of variable length may make a run as slow as they like. */
function isSmall({ manifest: { file, inputs } }: EngineSpec): boolean {
  const external = file.external_data.reduce((sum, { bytes }) => sum + bytes, 0);
  const isFixed = inputs.every(({ shape }) => !shape.slice(1).includes(-1));
  return isFixed && file.bytes + external <= SMALL_MODEL_BYTES;
}

type FromThread =
  | { readonly type: 'open'; readonly warmUpMs: ReadonlyMap<number, number> }
  | ({ readonly type: 'ran' } & BatchResult)
  | { readonly type: 'error'; readonly message: string; readonly kind?: LoadErrorKind | undefined };

async function startThread(entry: URL, data: RunnerData): Promise<Runner> {
  const worker = new Worker(entry, { workerData: data });
  // A session thread that dies takes the engine with it; the front starts a new one.
  worker.on('error', (error) => {
    process.stderr.write(`session thread: ${error.stack ?? error.message}\n`);
    process.exit(1);
  });
  const answer = async <T extends FromThread['type']>(type: T) => {
    const message = await new Promise<FromThread>((resolve) => worker.once('message', resolve));
    if (message.type === type) return message as Extract<FromThread, { type: T }>;
    if (message.type !== 'error') throw new Error(`unexpected ${message.type}`);
    throw message.kind ? new LoadError(message.message, { kind: message.kind }) : new Error(message.message);
  };
  const { warmUpMs } = await answer('open');
  return {
    warmUpMs,
    async run(job) {
      const answered = answer('ran');
      worker.postMessage(job);
      const { rows, runMs, endedAtMs } = await answered;
      return { rows, runMs, endedAtMs };
    },
    close: async () => void (await worker.terminate()),
  };
}

/** Body of the thread: loads the model, then runs one batch per message. */
export async function serveSession(): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('not a worker thread');
  const reply = (message: FromThread) => port.postMessage(message);
  const fail = (thrown: unknown) =>
    reply({
      type: 'error',
      message: thrown instanceof Error ? thrown.message : String(thrown),
      kind: thrown instanceof LoadError ? thrown.kind : undefined,
    });

  const runner = await openRunner(workerData as RunnerData).catch(fail);
  if (!runner) return;
  reply({ type: 'open', warmUpMs: runner.warmUpMs });

  port.on('message', async (job: Job) => {
    try {
      reply({ type: 'ran', ...(await runner.run(job)) });
    } catch (thrown) {
      fail(thrown);
    }
  });
}
