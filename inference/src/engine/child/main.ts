import { readdirSync, rmSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { toHeadgateError } from '@headgate/contracts/errors';
import { loadErrorKind } from '../../load-error.ts';
import { createOutbox, onMessage } from '../channel.ts';
import {
  type FromEngine,
  type ItemFailure,
  type Prepared,
  type Question,
  type Row,
  type RowFailure,
  STATS_INTERVAL_MS,
  type ToEngine,
} from '../protocol.ts';
import { createDecodeQueue, type DecodeQueue } from './decode-queue.ts';
import { type LoadedModel, loadModel } from './load.ts';
import { tryProvider } from './onnx.ts';
import { monotonicMs } from './runner.ts';
import { serveSession } from './session-thread.ts';

interface Engine {
  readonly model: LoadedModel;
  readonly decodes: DecodeQueue<Question, Prepared>;
  isRunning: boolean;
}

const outbox = createOutbox<FromEngine>(process);

/**
 * Entry of an engine process. Both of its threads start here, so that the build needs one file: the main thread
 * talks to the front and decodes, the session thread runs the model.
 */
if (isMainThread) serveFront(new URL(import.meta.url));
else await serveSession();

/**
 * Main thread: follows the messages of the front.
 *
 * @param entry module from which the session thread starts
 */
function serveFront(entry: URL): void {
  let engine: Engine | undefined;
  let privateDir: string | undefined;

  onMessage<ToEngine>(process, async (message) => {
    if (message.type === 'probe') {
      outbox.send({ type: 'probed', result: await tryProvider(message.provider, message.deviceId) });
    } else if (message.type === 'load') {
      lowerPriority(message.spec.nice);
      privateDir = message.spec.privateDir;
      const model = await loadModel(entry, message.spec).catch(refuse);
      if (model) engine = start(model, message.spec.decodeThreads);
    } else if (!engine) {
      throw new Error(`${message.type} before the engine was loaded`);
    } else if (message.type === 'prepare') {
      engine.decodes.add(message.id, message);
    } else if (message.type === 'discard') {
      engine.decodes.drop(message.id);
    } else {
      await run(engine, message.ids);
    }
  });
  // Ctrl-C reaches the whole process group. The front drains first, and this process ends with it.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  // The front has ended, so no answer is awaited. An orderly exit would wait for the run.
  process.on('disconnect', () => {
    if (privateDir) rmSync(privateDir, { recursive: true, force: true });
    process.kill(process.pid, 'SIGKILL');
  });
}

function start(model: LoadedModel, decodeThreads: number): Engine {
  const decodes = createDecodeQueue({
    decode: model.prepare,
    // One more than there are threads, of which one is spare: its first step is ready when a thread becomes free.
    parallel: decodeThreads + 2,
    onDecoded: (id, decodeMs) => {
      const message: FromEngine = { type: 'decoded', id, decodeMs, endedAtMs: monotonicMs() };
      // The front starts no batch before this one has run.
      if (engine.isRunning) outbox.hold(message);
      else outbox.send(message);
    },
    onDropped: (id) => outbox.send({ type: 'discarded', id }),
    onFailed: (id, error) => outbox.send({ type: 'failed', id, failure: failureOf(error) }),
  });
  const engine: Engine = { model, decodes, isRunning: false };
  outbox.send({ type: 'loaded', report: model.report, residentBytes: process.memoryUsage.rss() });
  setInterval(
    () => outbox.send({ type: 'stats', residentBytes: process.memoryUsage.rss() }),
    STATS_INTERVAL_MS,
  );
  return engine;
}

async function run(engine: Engine, ids: readonly number[]): Promise<void> {
  const { model, decodes } = engine;
  engine.isRunning = true;
  try {
    const items = decodes.take(ids);
    const { rows, runMs, endedAtMs } = await model.run(items.map(({ payload }) => payload));
    const answers = rows.map((row, i) => withSketch(row, items[i]?.sketch));
    outbox.send({ type: 'ran', rows: answers, runMs, endedAtMs });
  } catch (error) {
    outbox.send({ type: 'run_failed', message: messageOf(error) });
  }
  engine.isRunning = false;
}

function withSketch(row: Row | RowFailure, sketch: Float32Array | undefined): Row | RowFailure {
  return sketch && 'classIds' in row ? { ...row, sketch } : row;
}

function refuse(error: unknown): undefined {
  const answer: FromEngine = { type: 'refused', kind: loadErrorKind(error), message: messageOf(error) };
  process.send?.([answer], () => process.exit(1));
}

function failureOf(error: unknown): ItemFailure {
  const { reason, detail, cause } = toHeadgateError(error);
  return { reason, detail, cause: cause === undefined ? undefined : messageOf(cause) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Engines yield to the front, so that health and admission answer while all cores compute. On Linux a niceness
 * belongs to a thread: those that run already get it one by one, later ones inherit it.
 */
function lowerPriority(nice: number): void {
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [process.pid];
  // Without root a priority cannot be raised: skip threads that nice(1) lowered further.
  for (const thread of threads) if (getPriority(thread) < nice) setPriority(thread, nice);
}
