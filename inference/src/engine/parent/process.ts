import { type ChildProcess, fork } from 'node:child_process';
import type { HeadgateError } from '@headgate/contracts/errors';
import type { Logger } from '@headgate/runtime/logger';
import { LoadError, MemoryLimitError } from '../../load-error.ts';
import { createOutbox } from '../channel.ts';
import type { EngineSpec, FromEngine, LoadReport, Question, Row, RowFailure, ToEngine } from '../protocol.ts';
import { LoadedEngine } from './loaded-engine.ts';
import { withCopies } from './shared-copies.ts';

export interface EngineOptions {
  /** Module that the child runs: `child.ts`, or its bundle. */
  readonly entry: URL;
  readonly spec: EngineSpec;
  /** The child must be loaded and warm within this time, in ms. */
  readonly startTimeoutMs: number;
  /** A batch that runs longer, or a child that is silent for longer, counts as hung; in ms. */
  readonly runTimeoutMs: number;
  /** An engine that takes more resident memory asks to be replaced; in bytes, 0 = no limit. */
  readonly memoryLimitBytes: number;
  /** Environment of the child. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** Is told when the engine did what; for tests and measurements. */
  readonly onSpan?: (span: EngineSpan) => void;
}

/** One decode, or one run of a batch, as the engine timed it. */
export interface EngineSpan {
  readonly stage: 'decode' | 'run';
  readonly tookMs: number;
  /** By the machine's monotonic clock, in ms. */
  readonly endedAtMs: number;
}

/** What an engine reports to the one who gives it work. */
export interface EngineListener {
  decoded(id: number, decodeMs: number): void;
  failed(id: number, error: HeadgateError): void;
  /** A discarded item takes nothing of the engine any more. */
  discarded(id: number): void;
  ran(rows: readonly (Row | RowFailure)[], runMs: number): void;
  /** The batch failed as a whole. The engine goes on, unless it ends by itself. */
  runFailed(error: HeadgateError): void;
}

/** How an engine ended: by itself or from outside; or killed, because it hung or could not have gone on. */
export type EndKind = 'crash' | 'hang' | 'out_of_memory' | 'device_lost';

/** One loaded engine process. */
export interface EngineProcess {
  readonly pid: number;
  readonly report: LoadReport;
  readonly deviceId: number;
  /** Most items in one batch. */
  readonly maxBatchSize: number;
  /** Images decoded at the same time. */
  readonly decodeThreads: number;
  /** Resolves once it takes more memory than it may. */
  readonly wornOut: Promise<void>;
  /** Of meaning once it has ended. */
  readonly endKind: EndKind;
  /** Resolves with the reason when the process has ended. Never rejects. */
  readonly ended: Promise<string>;
  residentBytes(): number;
  listen(listener: EngineListener): void;
  prepare(id: number, question: Question): void;
  discard(id: number): void;
  run(ids: readonly number[]): void;
  /** Ends the process at once: it holds no state worth keeping. */
  kill(): void;
}

/**
 * Starts an engine and waits until it is warm.
 *
 * @param signal ends an engine that is still loading
 * @throws LoadError when it refuses the model, ends before it is ready, or takes too long; MemoryLimitError when it
 * takes more memory than it may before any work
 */
export async function startEngine(options: EngineOptions, signal: AbortSignal): Promise<EngineProcess> {
  const { spec } = options;
  const { external_data } = spec.manifest.file;
  if (external_data.length === 0) return startChild(options, { signal });
  return withCopies(external_data, options.log, (privateDir, onEnded) =>
    startChild({ ...options, spec: { ...spec, privateDir } }, { signal, onEnded }),
  );
}

interface StartContext {
  readonly signal: AbortSignal;
  /** Before anybody else learns that the process has ended. */
  readonly onEnded?: () => Promise<void>;
}

async function startChild(
  options: EngineOptions,
  { signal, onEnded = async () => {} }: StartContext,
): Promise<EngineProcess> {
  const child = fork(options.entry, [], {
    serialization: 'advanced',
    // Execution arguments of the front (inspector, coverage) are not the engine's.
    execArgv: [],
    env: engineEnv(options),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  }).finally(onEnded);
  const abort = () => child.kill('SIGKILL');
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    const { report, residentBytes } = await handshake(child, ended, options);
    refuseTooLarge(residentBytes, options.memoryLimitBytes);
    return new LoadedEngine(child, { ended, report, residentBytes }, options);
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** ONNX Runtime sends usage data to its maker unless this is set. */
export const NO_TELEMETRY = { ORT_DISABLE_TELEMETRY: '1' };

/** What an engine cannot be told in messages, since libraries read it when they are loaded. */
export function engineEnv({ env, spec }: Pick<EngineOptions, 'env' | 'spec'>): NodeJS.ProcessEnv {
  return {
    ...env,
    // One more, for a decode that takes so long that others go past it.
    UV_THREADPOOL_SIZE: String(spec.decodeThreads + 1),
    // glibc gives large blocks back to the system when they are freed, also after a model has been read through them.
    MALLOC_MMAP_THRESHOLD_: '131072',
    // A model file could carry settings of its own for the session.
    ORT_LOAD_CONFIG_FROM_MODEL: '0',
    ...NO_TELEMETRY,
    // The binding passes no other CUDA option than the device; cuBLAS and cuDNN themselves read this one.
    ...(spec.provider === 'cuda' && !spec.tf32 && { NVIDIA_TF32_OVERRIDE: '0' }),
  };
}

function refuseTooLarge(residentBytes: number, limitBytes: number): void {
  if (limitBytes === 0 || residentBytes <= limitBytes) return;
  throw new MemoryLimitError(
    `the engine takes ${residentBytes} bytes of memory right after its warm-up; raise ` +
      `inference.engine.memory_limit_bytes (${limitBytes}), or lower batching.max_batch_size of the model`,
  );
}

type Loaded = Extract<FromEngine, { type: 'loaded' }>;

function handshake(child: ChildProcess, ended: Promise<string>, options: EngineOptions): Promise<Loaded> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new LoadError(`the engine was not ready within ${options.startTimeoutMs} ms`));
    }, options.startTimeoutMs);
    void ended.then((reason) =>
      reject(new LoadError(`the engine ended while it loaded the model: ${reason}`)),
    );
    child.once('message', ([message]: [FromEngine]) => {
      clearTimeout(timer);
      if (message.type === 'loaded') resolve(message);
      else if (message.type === 'refused') reject(new LoadError(message.message, { kind: message.kind }));
      else reject(new LoadError(`unexpected ${message.type}`));
    });
    createOutbox<ToEngine>(child).send({ type: 'load', spec: options.spec });
  });
}
